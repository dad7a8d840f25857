"""Blocking paths of drawn traces: one file per case under tests/cases/blocking_path."""

import random
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tracepulse.derive.blocking_path import BlockingPath, blocking_path
from tracepulse.derive.page_paths import Until
from tracepulse.errors import NotFound
from tracepulse.model.vital import Vital
from tracepulse.testing import (
    DrawnSpan,
    bar_extent,
    canonical_bytes,
    case_parts,
    case_spans,
    case_vitals,
    span_columns,
)

CASES = sorted((Path(__file__).parents[1] / "cases" / "blocking_path").glob("*.txt"))
FOUND = {path.stem: case_parts(path.read_text(encoding="utf-8")) for path in CASES}
WITH_PATH = {name: parts for name, parts in FOUND.items() if "path" in parts}
BAR = re.compile(r"\[-?\d+,-?\d+\)|=+")

Drawn = set[tuple[int, int, str, str, str]]


def _expected_sections(part: str) -> Drawn:
    """Read lines of `id category phase : bars`, on the columns of the spans; a phase may be left out."""
    sections = set()
    for line in filter(str.strip, part.splitlines()):
        head, _, bars = line.partition(": ")
        span_id, category, *phase = head.split()
        for bar in BAR.finditer(bars):
            in_numbers = bar[0].startswith("[")
            start, end = bar_extent(bar[0]) if in_numbers else bar.span()
            sections.add((start, end, span_id, category, phase[0] if phase else ""))
    return sections


def _expected_notes(part: str) -> list[str]:
    return [line for line in part.splitlines() if line.strip()]


def _path(name: str) -> BlockingPath:
    return _path_of(case_spans(FOUND[name]), name)


def _path_of(
    spans: Sequence[DrawnSpan], name: str, vitals: Sequence[Vital] | None = None
) -> BlockingPath:
    """Return the path of the case's own trace, learned from its other ones where it has such."""
    trace_id = DrawnSpan("").trace_id if "others" in FOUND[name] else None
    return blocking_path(
        span_columns(spans),
        trace_id,
        learn="others" in FOUND[name],
        until=Until(FOUND[name].get("until", "end").strip()),
        vitals=case_vitals(FOUND[name]) if vitals is None else vitals,
    )


def test_every_situation_has_a_case() -> None:
    """The folder holds the cases, so that an empty glob cannot pass for success."""
    assert len(CASES) >= 40


@pytest.mark.parametrize("name", WITH_PATH)
def test_sections_are_those_drawn(name: str) -> None:
    """Each section has the span, category, start and end that the case draws."""
    sections = _path(name).sections
    actual = {
        (s.start_unix_ns, s.end_unix_ns, s.span_id, s.category, s.phase or "") for s in sections
    }
    assert actual == _expected_sections(WITH_PATH[name]["path"])
    assert len(actual) == len(sections)


@pytest.mark.parametrize("name", WITH_PATH)
def test_notes_and_confidence_are_those_written(name: str) -> None:
    """What did not fit is counted under its reason, with how far; confidence follows from it."""
    path = _path(name)
    actual = [
        f"{note.reason} {note.count} {','.join(note.span_ids)}"
        + (f" {note.amount_ns}" if note.amount_ns is not None else "")
        for note in path.notes
    ]
    assert actual == _expected_notes(WITH_PATH[name].get("notes", ""))
    level, ratio = WITH_PATH[name]["confidence"].split()
    assert (path.confidence.level, path.confidence.ratio) == (level, float(ratio))


@pytest.mark.parametrize("name", WITH_PATH)
def test_paints_are_those_written(name: str) -> None:
    """Parts of a paint are those of the case, are not negative, and sum to how long it took."""
    paints = _path(name).paints
    actual = [
        " ".join([p.name, p.span_id, str(p.duration_ns), *(f"{n}={v}" for n, v in p.parts)])
        for p in paints
    ]
    assert actual == _expected_notes(WITH_PATH[name].get("paints", ""))
    for paint in paints:
        assert all(length >= 0 for _, length in paint.parts)
        assert not paint.parts or sum(v for _, v in paint.parts) == paint.duration_ns


@pytest.mark.parametrize("name", WITH_PATH)
def test_sections_tile_the_root(name: str) -> None:
    """Sections follow each other without gap or overlap from the root's start to its end."""
    path = _path(name)
    edges = [path.start_unix_ns, *(section.end_unix_ns for section in path.sections)]
    assert [section.start_unix_ns for section in path.sections] == edges[:-1]
    assert edges[-1] == path.end_unix_ns
    assert all(section.duration_ns > 0 for section in path.sections)


@pytest.mark.parametrize("name", WITH_PATH)
def test_any_order_gives_the_same_bytes(name: str) -> None:
    """However the spans are ordered, the serialised answer is the same."""
    spans = list(case_spans(FOUND[name]))
    expected = canonical_bytes(_path(name))
    for seed in range(8):
        random.Random(seed).shuffle(spans)
        assert canonical_bytes(_path_of(spans, name)) == expected


@pytest.mark.parametrize("name", WITH_PATH)
def test_hexadecimal_ids_change_nothing(name: str) -> None:
    """Ids of 16 hex digits take a faster way and lead to the same place."""
    told = [replace(each, span_id=_hex(each.span_id)) for each in case_vitals(FOUND[name])]
    by_hex = _path_of([_in_hex(span) for span in case_spans(FOUND[name])], name, told)
    expected = [
        (s.start_unix_ns, s.end_unix_ns, _hex(s.span_id), s.category) for s in _path(name).sections
    ]
    actual = [(s.start_unix_ns, s.end_unix_ns, s.span_id, s.category) for s in by_hex.sections]
    assert actual == expected


def _hex(span_id: str) -> str:
    return span_id.encode().hex().ljust(16, "0") if span_id else ""


def _in_hex(span: DrawnSpan) -> DrawnSpan:
    ids = {"span_id": _hex(span.span_id), "parent_span_id": _hex(span.parent_span_id)}
    links = tuple(_hex(link) for link in span.links)
    return replace(span, **ids, links=links, name=span.name or span.span_id)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", [name for name, parts in FOUND.items() if "error" in parts])
def test_nothing_to_explain_is_said(name: str) -> None:
    """Where no span can be the root, there is an error that says so and no empty answer."""
    with pytest.raises(NotFound):
        _path(name)
