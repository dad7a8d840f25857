"""The drawings beside the documentation are those of the cases as they are now."""

from pathlib import Path
from xml.etree import ElementTree

from docs.explanation.draw_blocking_paths import HERE, outputs, stale


def test_drawings_are_up_to_date() -> None:
    """Run docs/explanation/draw_blocking_paths.py when this fails."""
    assert stale() == []


def test_drawings_are_well_formed() -> None:
    """Each drawing is XML that a browser reads, whatever words a case holds."""
    drawings = {path: text for path, text in outputs().items() if path.suffix == ".svg"}
    assert len(drawings) >= 40
    for text in drawings.values():
        assert ElementTree.fromstring(text).tag.endswith("svg")


def test_the_page_shows_drawings_that_exist() -> None:
    """No picture of the explanation is missing."""
    page = (HERE / "blocking-path.md").read_text(encoding="utf-8")
    named = [part.split(")")[0].split("#")[0] for part in page.split("](")[1:]]
    shown = [name for name in named if name]
    assert [name for name in shown if not Path(HERE / name).is_file()] == []
