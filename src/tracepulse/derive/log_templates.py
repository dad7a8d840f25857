"""
Log templates: what a person wrote, found by comparing the shapes of lines.

Only distinct shapes are looked at, never how often or when they came, so that the same shapes give
the same templates in any order. Three passes:

1. Shapes with equally many tokens are split by the place that differs least until every place that
   still differs holds values (after IPLoM; Makanju et al., KDD 2009, and Brain; Yu et al., TSC 2023).
2. Templates of the same words are one where only the values between the words differ in number: a
   list, an amount with or without its gloss.
3. A template that is a special case of another is part of it.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from tracepulse.derive.limits.log_templates import (
    TEMPLATE_COMMON_WORDS_RATIO,
    TEMPLATE_FEW_WORDS_FACTOR,
    TEMPLATE_FEW_WORDS_RATIO,
    TEMPLATE_FIRST_WORDS,
    TEMPLATE_NAMED_VALUES,
    TEMPLATE_NAMES,
    TEMPLATE_WORDS,
)
from tracepulse.derive.log_values import DELIMITERS, VALUE, value_tokens
from tracepulse.derive.template_gaps import without_gaps
from tracepulse.model.log_shape import MASK

__all__ = ["LogShape", "LogTemplate", "log_templates"]

Tokens = tuple[str, ...]

_NAME_LIKE = re.compile(r"[_./\\$@#-]|[a-z][A-Z]|\d")
"""Identifiers, paths, compounds: more often values than plain words are."""
_LETTERS = re.compile(r"[A-Za-z]{2}")
_ACTORS = frozenset("user username account login host hostname group role tenant".split())
"""What stands behind such a word is who it was, unless it is a verb."""
_NO_NAME = re.compile(
    r"(?:ed|ing)\Z|\A(?:not|is|was|has|had|can|will|does|did|of|for|in|on|at|by|to|with|from|and|or"
    r"|unknown|name|id)\Z"
)
_UNITS = frozenset(
    "b byte bytes kb mb gb tb kib mib gib ns us ms msec msecs millis millisecond milliseconds"
    " microseconds s sec sec. secs secs. second seconds m min mins minute minutes h hour hours"
    " d day days %".split()
)
_METHODS = frozenset("GET POST PUT DELETE PATCH HEAD OPTIONS".split())
_QUOTES = frozenset("\"'`")
_MOST_MASKS = 512
"""Patterns of places with values that are tried in the third pass, for lines of one length."""


@dataclass(frozen=True, slots=True)
class LogShape:
    """A shape with some of the lines that have it."""

    shape_id: str
    examples: tuple[str, ...]
    """Distinct bodies, at least one, in any order."""
    first_seen_unix_ns: int = 0
    """Event time of its first line that is known."""


@dataclass(frozen=True, slots=True)
class LogTemplate:
    """What lines of some shapes have in common."""

    template_id: str
    """Id of its earliest shape: it stays when the template grows, and finds it if it is taken up."""
    text: str
    """With `<*>` for what varies."""
    shapes: tuple[str, ...]
    """Ids, sorted."""


def log_templates(shapes: Iterable[LogShape]) -> tuple[LogTemplate, ...]:
    """
    Return the templates of shapes, each shape in exactly one, by text.

    Args:
        shapes: of one service, in any order; ids are distinct.
    """
    known = {each.shape_id: each for each in shapes}
    lines = {shape_id: value_tokens(each.examples) for shape_id, each in known.items()}
    texts = _texts(set(lines.values()))
    members: defaultdict[str, list[LogShape]] = defaultdict(list)
    for shape_id, line in lines.items():
        members[texts[line]].append(known[shape_id])
    return tuple(
        LogTemplate(
            min((each.first_seen_unix_ns, each.shape_id) for each in found)[1],
            text,
            tuple(sorted(each.shape_id for each in found)),
        )
        for text, found in sorted(members.items())
    )


def _texts(lines: set[Tokens]) -> dict[Tokens, str]:
    by_length: defaultdict[int, list[Tokens]] = defaultdict(list)
    for line in sorted(lines):
        by_length[len(line)].append(line)
    templates: dict[Tokens, Tokens] = {}
    for length in sorted(by_length):
        for group, varying in _split(by_length[length]):
            first = group[0]
            template = tuple(VALUE if n in varying else each for n, each in enumerate(first))
            templates.update(dict.fromkeys(group, template))
    joined = _joined(set(templates.values()))
    free = without_gaps(set(joined.values()))
    general = _general(set(free.values()))
    return {
        line: re.sub(f"{VALUE}+", MASK, general[free[joined[template]]])
        for line, template in templates.items()
    }


# -- lines of one length -------------------------------------------------------------------------


def _split(lines: list[Tokens]) -> list[tuple[list[Tokens], frozenset[int]]]:
    """Return groups of lines, and in each the places that hold values."""
    done = []
    todo = [lines]
    while todo:
        group = todo.pop()
        columns = [set(column) for column in zip(*group, strict=True)]
        varying = [n for n, column in enumerate(columns) if len(column) > 1]
        constant = sum(
            len(column) == 1
            and not column & DELIMITERS
            and not any(VALUE in each for each in column)
            for column in columns
        )
        same = sum(column != {" "} for column in columns) - constant - len(varying)
        agreeing = constant + same / 4
        ratio = agreeing / (agreeing + len(varying)) if constant else 0.0
        words = [n for n in varying if not _holds_values(group[0], n, columns[n], ratio)]
        if not words:
            done.append((group, frozenset(varying)))
            continue
        place = min(words, key=lambda n: (not columns[n] & DELIMITERS, len(columns[n]), n))
        parts: defaultdict[str, list[Tokens]] = defaultdict(list)
        for line in group:
            parts[line[place]].append(line)
        todo += parts.values()
    return done


def _holds_values(line: Tokens, place: int, seen: set[str], ratio: float) -> bool:
    """Say whether what differs at a place are values, and not the words of several templates."""
    if seen <= _METHODS:
        return True
    if seen & DELIMITERS or ratio < TEMPLATE_FEW_WORDS_RATIO:
        return False
    factor = 1 if ratio >= TEMPLATE_COMMON_WORDS_RATIO else TEMPLATE_FEW_WORDS_FACTOR
    if VALUE in seen and factor == 1:
        return True
    needed = TEMPLATE_WORDS
    if place and (
        line[place - 1] == "=" or _is_quoted(line, place) or _is_named(line, place, seen)
    ):
        needed = TEMPLATE_NAMED_VALUES
    elif 2 * sum(_NAME_LIKE.search(each) is not None for each in seen) >= len(seen):
        needed = TEMPLATE_NAMES
    if place == 0:
        needed = max(needed, TEMPLATE_FIRST_WORDS)
    return len(seen) >= needed * factor


def _is_quoted(line: Tokens, place: int) -> bool:
    """Say whether a place is all that stands between quotes."""
    quote = line[place - 1]
    return quote in _QUOTES and place + 1 < len(line) and line[place + 1] == quote


def _is_named(line: Tokens, place: int, seen: set[str]) -> bool:
    """Say whether a place stands behind a word for whoever acts, and holds no verb."""
    before = line[place - 2].lower() if place > 1 and line[place - 1] == " " else ""
    return before in _ACTORS and not any(_NO_NAME.search(each) for each in seen)


# -- templates of the same words -----------------------------------------------------------------


def _words_and_gaps(template: Tokens) -> tuple[Tokens, list[list[str]]]:
    """Return the words, and what stands before, between and behind them."""
    words = []
    gaps: list[list[str]] = [[]]
    for n, token in enumerate(template):
        is_unit = n > 1 and token.lower() in _UNITS and template[n - 2 : n] == (VALUE, " ")
        if token == VALUE or token in DELIMITERS or is_unit:
            gaps[-1].append(token)
        else:
            words.append(token)
            gaps.append([])
    return tuple(words), gaps


def _joined(templates: set[Tokens]) -> dict[Tokens, str]:
    """Return the text of each template; one for those that differ in the number of values."""
    alike: defaultdict[tuple[Tokens, tuple[str | None, ...]], list[Tokens]] = defaultdict(list)
    for template in sorted(templates):
        words, gaps = _words_and_gaps(template)
        fixed = tuple(None if VALUE in gap else "".join(gap) for gap in gaps)
        alike[words, fixed].append(template)
    texts: dict[Tokens, str] = {}
    for (words, _), found in alike.items():
        gaps_of = [_words_and_gaps(each)[1] for each in found]
        if not words:
            texts.update((each, "".join(each)) for each in found)
            continue
        parts = []
        for n, word in enumerate((*words, "")):
            parts += [*_common_gap([gaps[n] for gaps in gaps_of]), word]
        texts.update(dict.fromkeys(found, "".join(parts)))
    return texts


def _common_gap(gaps: Sequence[list[str]]) -> list[str]:
    """Return what stands between two words in several templates: one value for all that differs."""
    first = gaps[0]
    if all(gap == first for gap in gaps):
        return first
    before = _common_length(gaps)
    after = _common_length([gap[::-1] for gap in gaps])
    return [*first[:before], VALUE, *first[len(first) - after :]]


def _common_length(gaps: Sequence[list[str]]) -> int:
    """Return how many tokens are the same from the left, up to the first value."""
    shortest = min(gap.index(VALUE) for gap in gaps)
    for n in range(shortest):
        if len({gap[n] for gap in gaps}) > 1:
            return n
    return shortest


# -- special cases -------------------------------------------------------------------------------


@lru_cache(maxsize=1 << 16)
def _is_case(field: str, general: str) -> bool:
    """Say whether a field is what another one allows; a plain word is no case of a value."""
    if field == general:
        return True
    if VALUE not in field and not _NAME_LIKE.search(field):
        return False
    return re.fullmatch(re.escape(general).replace(VALUE, r"\S+"), field) is not None


def _general(texts: set[str]) -> dict[str, str]:
    """Return for each text the most general one of which it is a case, or itself."""
    fields = {text: text.split(" ") for text in texts}
    masks: defaultdict[int, Counter[tuple[int, ...]]] = defaultdict(Counter)
    by_rest: defaultdict[tuple[tuple[int, ...], Tokens], list[str]] = defaultdict(list)
    for text, found in sorted(fields.items()):
        mask = tuple(n for n, each in enumerate(found) if VALUE in each)
        rest = tuple(each for each in found if VALUE not in each)
        if mask and any(_LETTERS.search(each) for each in rest):
            masks[len(found)][mask] += 1
            by_rest[mask, rest].append(text)
    tried = {
        length: sorted(sorted(found, key=lambda mask: (-found[mask], mask))[:_MOST_MASKS])
        for length, found in masks.items()
    }
    above: dict[str, str] = {}
    for text, found in sorted(fields.items()):
        wider = []
        for mask in tried.get(len(found), ()):
            rest = tuple(each for n, each in enumerate(found) if n not in mask)
            for other in by_rest.get((mask, rest), ()):
                if other != text and all(_is_case(found[n], fields[other][n]) for n in mask):
                    wider.append((sum(len(fields[other][n]) for n in mask), other))
        if wider:
            above[text] = min(wider)[1]
    return {text: _top(text, above) for text in texts}


def _top(text: str, above: Mapping[str, str]) -> str:
    seen = {text}
    while text in above and above[text] not in seen:
        text = above[text]
        seen.add(text)
    return text
