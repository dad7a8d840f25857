"""
Values of several words: texts that differ in one stretch, and agree before and behind it.

A person's name, a search, a reason or a list has one word in one line and five in the next, so that
lines of one statement have different lengths. What holds such values is told by how many different
ones there are between the same words.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import accumulate, chain

from tracepulse.derive.limits.log_templates import (
    TEMPLATE_GAP_NAMES,
    TEMPLATE_GAP_WORDS,
    TEMPLATE_WORDS_AROUND,
    TEMPLATE_WORDS_BEFORE,
)
from tracepulse.derive.log_values import VALUE

__all__ = ["without_gaps"]

Words = tuple[str, ...]

_LONGEST_GAP = 5
"""Words in a stretch."""
_ROUNDS = 4
"""A line may have as many stretches."""
_PLAIN = re.compile(r"[^\W\d_]{2,}[,:.!]?\Z")
_NAME_LIKE = re.compile(r"[^\x00-\x7f]|[_./@#-]|\d|(?:\A| )[A-Z]|[a-z][A-Z]")


def without_gaps(texts: Iterable[str]) -> dict[str, str]:
    """Return for each text itself, or a more general one with a value for each such stretch."""
    found = {text: text for text in texts}
    for _ in range(_ROUNDS):
        wider = _round({tuple(text.split(" ")) for text in found.values()})
        if not wider:
            break
        found = {text: wider.get(now, now) for text, now in found.items()}
    return found


def _round(texts: set[Words]) -> dict[str, str]:
    wider: dict[str, str] = {}
    chosen = [
        (-len(found), -len(head) - len(tail), head, tail, found)
        for head, tail, found in _places(sorted(texts))
        if _is_gap(found)
    ]
    for _, _, head, tail, found in sorted(chosen, key=lambda each: each[:4]):
        members = [" ".join((*head, *each, *tail)) for each in found]
        if not any(each in wider for each in members):
            general = " ".join((*head, VALUE, *tail))
            wider.update(dict.fromkeys(members, general))
    return wider


def _places(texts: list[Words]) -> Iterator[tuple[Words, Words, set[Words]]]:
    """Yield what stands around stretches that several texts have at a place, and the stretches."""
    heads = _numbered(texts)
    tails = _numbered([text[::-1] for text in texts])
    often_head = Counter(chain.from_iterable(heads))
    often_tail = Counter(chain.from_iterable(tails))
    seen: defaultdict[tuple[int, int], list[tuple[int, int, int]]] = defaultdict(list)
    for n, text in enumerate(texts):
        size = len(text)
        plain = [0, *accumulate(_is_plain(each) for each in text)]
        for begin in range(size):
            head = heads[n][begin]
            if often_head[head] < TEMPLATE_GAP_NAMES:
                break
            before = plain[begin]
            for end in range(begin + 1, min(begin + _LONGEST_GAP, size) + 1):
                behind = plain[size] - plain[end]
                tail = tails[n][size - end]
                if often_tail[tail] >= TEMPLATE_GAP_NAMES and (
                    (before and behind and before + behind >= TEMPLATE_WORDS_AROUND)
                    or before >= TEMPLATE_WORDS_BEFORE
                ):
                    seen[head, tail].append((n, begin, end))
    for found in seen.values():
        if len(found) >= TEMPLATE_GAP_NAMES:
            n, begin, end = found[0]
            yield texts[n][:begin], texts[n][end:], {texts[n][a:b] for n, a, b in found}


def _numbered(texts: list[Words]) -> list[list[int]]:
    """Return the numbers of each text's beginnings by their length; equal ones have one number."""
    numbers: dict[tuple[int, str], int] = {}
    found = []
    for text in texts:
        number = 0
        numbered = [0]
        for word in text:
            number = numbers.setdefault((number, word), len(numbers) + 1)
            numbered.append(number)
        found.append(numbered)
    return found


def _is_gap(found: set[Words]) -> bool:
    """Say whether what stands between are values: many, and apart from each other."""
    if len({len(each) for each in found}) == 1:
        return False  # lines of one length were compared place by place
    if len({each[0] for each in found}) == 1 or len({each[-1] for each in found}) == 1:
        return False  # the stretch is shorter than this
    if set.intersection(*(set(each) for each in found)):
        return False  # two stretches with a word between them
    names = sum(_NAME_LIKE.search(" ".join(each)) is not None for each in found)
    return len(found) >= (TEMPLATE_GAP_NAMES if 2 * names >= len(found) else TEMPLATE_GAP_WORDS)


@lru_cache(maxsize=1 << 14)
def _is_plain(word: str) -> bool:
    return _PLAIN.match(word) is not None and not word.isupper()
