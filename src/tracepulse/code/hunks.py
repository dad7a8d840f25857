"""Unified diffs to hunks, ranked by how much they touch what an incident points at."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from tracepulse.code.implicated import PLACE, Implicated, literal_runs
from tracepulse.model.commit import Hunk

__all__ = ["parse_hunks", "rank_hunks"]

MAX_LINES = 40
MAX_LINE_CHARS = 300
HEADER = re.compile(r"^@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@ ?(.*)$")
ASIDE = re.compile(
    r"(^|/)(tests?|docs?|vendor|node_modules|third_party|dist)(/|$)"
    r"|\.(md|rst|txt|lock|svg|png|min\.js)$|(^|/)(package-lock\.json|poetry\.lock|changelog)",
    re.I,
)
"""Files that rarely break what runs."""
QUOTE_MARK = re.compile(r"[\"'`]")
MIN_LITERAL_CHARS = 10
"""A template with less constant text than this is told from nothing."""
LITERAL_SHARE = 0.7
"""How much of a template's constant text a line must hold to be its writer."""
FILE_WRITES_TEMPLATE = 0.45
NEAR_TEMPLATE = 0.1
PER_WORD = 0.12
MOST_FOR_WORDS = 0.36
SETS_A_VALUE = 0.15
ASIDE_FACTOR = 0.2


def parse_hunks(diff: str) -> Iterator[Hunk]:
    """
    Yield the hunks of `git diff` or `git show` output in order.

    Expects `--no-renames --src-prefix=a/ --dst-prefix=b/` and unquoted paths; binary files have none.
    """
    path = ""
    old_path = ""
    hunk: Hunk | None = None
    lines: list[str] = []
    for line in diff.split("\n"):
        header = HEADER.match(line)
        if header or line.startswith("diff --git "):
            if hunk is not None:
                yield _with_lines(hunk, lines)
            hunk, lines = None, []
        if header:
            hunk = Hunk(
                path=path or old_path,
                old_start_line=int(header.group(1)),
                new_start_line=int(header.group(2)),
                section=header.group(3)[:MAX_LINE_CHARS],
                lines=(),
            )
        elif hunk is not None:
            if line[:1] in {" ", "+", "-"}:
                lines.append(line)
        elif line.startswith("--- "):
            old_path = _path(line[4:])
        elif line.startswith("+++ "):
            path = _path(line[4:])
    if hunk is not None:
        yield _with_lines(hunk, lines)


def _path(text: str) -> str:
    text = text.rstrip("\t")
    return "" if text == "/dev/null" else text[2:]


def _with_lines(hunk: Hunk, lines: Sequence[str]) -> Hunk:
    """Keep the changed lines and the context nearest to them."""
    shown = list(lines)
    while len(shown) > MAX_LINES and shown[0].startswith(" "):
        shown.pop(0)
    kept = tuple(line[:MAX_LINE_CHARS] for line in shown[:MAX_LINES])
    return replace(hunk, lines=kept, lines_left_out=len(lines) - len(kept))


def rank_hunks(
    hunks: Sequence[Hunk], implicated: Implicated, contents: Mapping[str, str]
) -> tuple[Hunk, ...]:
    """
    Return the hunks scored 0 to 1 by overlap, the best first; then by path and line.

    Args:
        hunks: of one commit.
        implicated: what the incident points at.
        contents: text of the touched files after the commit, as far as it was read.

    """
    places = {path: _template_place(path, text, implicated) for path, text in contents.items()}
    scored = [_scored(hunk, implicated, places.get(hunk.path)) for hunk in hunks]
    return tuple(sorted(scored, key=lambda h: (-h.score, h.path, h.new_start_line)))


def _template_place(path: str, text: str, implicated: Implicated) -> tuple[int, str] | None:
    """Return the line that writes one of the templates, and which; the fullest match wins."""
    if ASIDE.search(path):
        return None
    best: tuple[float, int, str] | None = None
    lines = [" ".join(PLACE.sub(" ", line).split()) for line in text.split("\n")]
    for template in implicated.templates:
        runs = literal_runs(template)
        whole = sum(map(len, runs))
        if whole < MIN_LITERAL_CHARS:
            continue
        for number, line in enumerate(lines, 1):
            if not QUOTE_MARK.search(line):
                continue
            share = sum(len(run) for run in runs if run in line) / whole
            if share >= LITERAL_SHARE and (best is None or share > best[0]):
                best = (share, number, template)
    return None if best is None else best[1:]


def _scored(hunk: Hunk, implicated: Implicated, place: tuple[int, str] | None) -> Hunk:
    changed = [line[1:] for line in hunk.lines if line[:1] in {"+", "-"}]
    text = "\n".join([*changed, hunk.section, hunk.path]).lower()
    matched = tuple(word for word in implicated.words if word in text)
    score = min(MOST_FOR_WORDS, PER_WORD * len(matched))
    if place is not None:
        score += FILE_WRITES_TEMPLATE
        if abs(place[0] - hunk.new_start_line) <= 60:
            score += NEAR_TEMPLATE
    if _sets_value(hunk):
        score += SETS_A_VALUE
    if matched == () and place is None:
        score = 0.0
    if ASIDE.search(hunk.path):
        score *= ASIDE_FACTOR
    return replace(
        hunk,
        matched=matched,
        template_line=place[0] if place else None,
        template=place[1] if place else "",
        score=round(min(score, 1.0), 4),
    )


SETTING = re.compile(r"^[-+]\s*[\w.\"']+\s*[:=]\s*[^=]")


def _sets_value(hunk: Hunk) -> bool:
    """Tell whether the hunk gives a name another value."""
    removed = {_name(line) for line in hunk.lines if line.startswith("-") and SETTING.match(line)}
    added = {_name(line) for line in hunk.lines if line.startswith("+") and SETTING.match(line)}
    return bool(removed & added)


def _name(line: str) -> str:
    return re.split(r"[:=]", line[1:], maxsplit=1)[0].strip()
