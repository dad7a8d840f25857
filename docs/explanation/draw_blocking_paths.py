"""
Draw every blocking-path case: one SVG each, and the page that shows them all.

    python docs/explanation/draw_blocking_paths.py [--check]

Reads `tests/cases/blocking_path/*.txt`, writes `blocking-path/*.svg` and `blocking-path-cases.md`
beside this file. The same cases give the same bytes. With `--check` nothing is written, and the
exit status is 1 if something would change.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from html import escape
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
if __name__ == "__main__":
    sys.path.insert(0, str(ROOT / "src"))

from tracepulse.derive.blocking_path import BlockingPath, Section, blocking_path  # noqa: E402
from tracepulse.derive.page_paths import Until  # noqa: E402
from tracepulse.derive.waterfall import WaterfallRow, waterfall  # noqa: E402
from tracepulse.testing import (  # noqa: E402
    DrawnSpan,
    case_parts,
    case_spans,
    case_vitals,
    draw_spans,
    span_columns,
)

CASES = ROOT / "tests" / "cases" / "blocking_path"
COLOURS = {
    "own": "#4594EA",
    "database": "#A93E0F",
    "cache": "#9E8B40",
    "messaging": "#606977",
    "network": "#155569",
    "waiting": "#6E3C41",
    "external": "#655ABD",
    "browser": "#47826E",
    "resource": "#D771A0",
}
LABEL_PX, BAR_AREA_PX, ROW_PX, MARGIN_PX = 236, 480, 24, 12
STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#14181F}"
    ".axis{font-size:11px;fill:#606977}"
    ".span{fill:#E4E7EC}"
    ".instant{fill:#606977}"
    ".apart{fill:none;stroke:#909AA8;stroke-dasharray:3 2}"
    ".own-clock{fill:none;stroke:#B34A0C;stroke-dasharray:2 2}"
    ".thread{stroke:#14181F;stroke-width:1}"
)


class Scale:
    """Instants to pixels."""

    def __init__(self, first: int, last: int) -> None:
        self.first, self.last = first, max(last, first + 1)

    def x(self, instant: int) -> str:
        """Return where an instant lies, with one decimal."""
        share = (instant - self.first) / (self.last - self.first)
        return f"{LABEL_PX + share * BAR_AREA_PX:.1f}"

    def width(self, start: int, end: int) -> str:
        """Return how wide a stretch of time is; an instant stays visible."""
        share = (end - start) / (self.last - self.first)
        return f"{max(share * BAR_AREA_PX, 1.5):.1f}"


def drawing(parts: dict[str, str], title: str) -> str:
    """Return the waterfall of a case's trace with its blocking path lit, as SVG."""
    spans = draw_spans(parts["spans"])
    learn = "others" in parts
    path = blocking_path(
        span_columns(case_spans(parts)),
        spans[0].trace_id if learn else None,
        learn=learn,
        until=Until(parts.get("until", "end").strip()),
        vitals=case_vitals(parts),
    )
    rows = waterfall(span_columns(spans))
    rows = _by_learned_clocks(spans, rows, path) if learn else rows
    scale = _scale(spans, rows, path)
    height = ROW_PX * len(rows) + 2 * MARGIN_PX + 42
    width = LABEL_PX + BAR_AREA_PX + 2 * MARGIN_PX
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"'
        f' width="{width}" height="{height}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>{STYLE}</style>",
        f'<rect width="{width}" height="{height}" fill="#FFFFFF"/>',
        *_rows(spans, rows, path, scale),
        *_axis(path, scale, MARGIN_PX + ROW_PX * len(rows)),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _by_learned_clocks(
    spans: tuple[DrawnSpan, ...], rows: tuple[WaterfallRow, ...], path: BlockingPath
) -> tuple[WaterfallRow, ...]:
    """Return rows with the times that the path went by."""
    moved = {
        span_id: note.amount_ns or 0
        for note in path.notes
        if note.reason == "clock_corrected"
        for span_id in note.span_ids
    }
    starts = [spans[row.row].start_unix_ns - moved.get(spans[row.row].span_id, 0) for row in rows]
    return tuple(
        replace(row, start_unix_ns=start, end_unix_ns=start + spans[row.row].duration_ns)
        for row, start in zip(rows, starts, strict=True)
    )


def _scale(
    spans: tuple[DrawnSpan, ...], rows: tuple[WaterfallRow, ...], path: BlockingPath
) -> Scale:
    """Return a scale that holds every span, and what other clocks said if that is near."""
    instants = [instant for row in rows for instant in (row.start_unix_ns, row.end_unix_ns)]
    near = range(path.start_unix_ns - path.duration_ns, path.end_unix_ns + path.duration_ns)
    for span in (spans[row.row] for row in rows):
        own = (span.start_unix_ns, span.start_unix_ns + span.duration_ns)
        if all(instant in near for instant in own):
            instants += own
    return Scale(min(instants), max(instants))


def _rows(
    spans: tuple[DrawnSpan, ...], rows: tuple[WaterfallRow, ...], path: BlockingPath, scale: Scale
) -> Iterator[str]:
    """Yield label and bars of each span, then the thread that joins the sections."""
    places: dict[tuple[str, str], int] = {}
    for number, row in enumerate(rows):
        span, top = spans[row.row], MARGIN_PX + ROW_PX * number
        places[span.span_id, span.kind] = places[span.span_id, ""] = top
        words = [span.span_id, span.name, "" if span.kind == "Internal" else span.kind.lower()]
        words += [
            span.service,
            f"@{span.host}" if span.host else "",
            *map(_said, span.attributes.values()),
        ]
        label = escape(" ".join(word for word in words if word))
        yield f'<text x="{MARGIN_PX + 12 * row.depth}" y="{top + 14}">{label}</text>'
        style = "instant" if row.start_unix_ns == row.end_unix_ns else "span"
        style = style if row.joined else "apart"
        yield _bar(style, row.start_unix_ns, row.end_unix_ns, top, scale)
        if row.start_unix_ns != span.start_unix_ns:
            own_end = span.start_unix_ns + span.duration_ns
            if span.start_unix_ns >= scale.first and own_end <= scale.last:
                yield _bar("own-clock", span.start_unix_ns, own_end, top, scale)
    yield from _sections(path, places, scale)


def _said(value: str) -> str:
    """Return what an attribute says, without numbers: those are drawn."""
    return "" if value.replace(".", "").isdigit() else value


def _bar(style: str, start: int, end: int, top: int, scale: Scale) -> str:
    return (
        f'<rect class="{style}" x="{scale.x(start)}" y="{top + 5}"'
        f' width="{scale.width(start, end)}" height="10"/>'
    )


def _sections(
    path: BlockingPath, places: dict[tuple[str, str], int], scale: Scale
) -> Iterator[str]:
    previous = None
    for section in path.sections:
        wanted = "Client" if section.category == "network" else "Server"
        top = places.get((section.span_id, wanted), places[section.span_id, ""])
        yield (
            f'<rect x="{scale.x(section.start_unix_ns)}" y="{top + 5}" height="10"'
            f' width="{scale.width(section.start_unix_ns, section.end_unix_ns)}"'
            f' fill="{COLOURS[section.category]}"/>'
        )
        if section.phase is not None:
            yield _phase(section, top, scale)
        if previous is not None:
            x = scale.x(section.start_unix_ns)
            yield f'<line class="thread" x1="{x}" y1="{previous + 10}" x2="{x}" y2="{top + 10}"/>'
        previous = top


def _phase(section: Section, top: int, scale: Scale) -> str:
    """Mark where a phase ends; name it where there is room."""
    x = scale.x(section.end_unix_ns)
    mark = f'<line stroke="#FFFFFF" x1="{x}" y1="{top + 5}" x2="{x}" y2="{top + 15}"/>'
    name = (section.phase or "").replace("_", " ")
    if float(scale.width(section.start_unix_ns, section.end_unix_ns)) < 5 * len(name):
        return mark
    start = scale.x(section.start_unix_ns)
    return f'{mark}<text style="font-size:8px" x="{start}" y="{top + 22}">{name}</text>'


def _axis(path: BlockingPath, scale: Scale, top: int) -> Iterator[str]:
    """Yield start and end of the root, and what the colours mean."""
    ends = [(path.start_unix_ns, "start"), (path.end_unix_ns, "end")]
    for instant, anchor in ends if path.duration_ns else ends[:1]:
        yield (
            f'<text class="axis" x="{scale.x(instant)}" y="{top + 14}"'
            f' text-anchor="{anchor}">{instant}</text>'
        )
    x = LABEL_PX
    for category, colour in COLOURS.items():
        if any(section.category == category for section in path.sections):
            yield f'<rect x="{x}" y="{top + 26}" width="10" height="10" fill="{colour}"/>'
            yield f'<text class="axis" x="{x + 14}" y="{top + 35}">{category}</text>'
            x += 26 + 7 * len(category)


def outputs() -> dict[Path, str]:
    """Return every file that is to stand beside this one, with its text."""
    files: dict[Path, str] = {}
    page = [
        "# Blocking-path cases",
        "",
        "Every situation that the method is tested on. Grey: the span; colour: its sections of the",
        "blocking path; dashed grey: not joined to the root; dashed orange: as its own host's",
        "clock had it. Made from `tests/cases/blocking_path` by `draw_blocking_paths.py`.",
        "",
    ]
    for case in sorted(CASES.glob("*.txt")):
        parts = case_parts(case.read_text(encoding="utf-8"))
        if "path" not in parts:
            continue
        title = case.stem.replace("_", " ")
        files[HERE / "blocking-path" / f"{case.stem}.svg"] = drawing(
            parts, parts["text"].split("\n\n")[0]
        )
        page += [f"## {title.capitalize()}", "", escape(parts["text"], quote=False), ""]
        page += [f"![{title}](blocking-path/{case.stem}.svg)", ""]
    files[HERE / "blocking-path-cases.md"] = "\n".join(page)
    return files


def stale() -> list[Path]:
    """Return the files that are missing, out of date, or drawn for a case that is gone."""
    wanted = outputs()
    old = [
        path
        for path, text in wanted.items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    ]
    return old + sorted(set((HERE / "blocking-path").glob("*.svg")) - set(wanted))


def main() -> int:
    """Write what changed, or say that something would."""
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; status 1 if stale")
    changed = stale()
    if parser.parse_args().check:
        sys.stdout.writelines(f"stale: {path.relative_to(ROOT)}\n" for path in changed)
        return 1 if changed else 0
    wanted = outputs()
    (HERE / "blocking-path").mkdir(exist_ok=True)
    for path in changed:
        if path in wanted:
            path.write_text(wanted[path], encoding="utf-8")
        else:
            path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
