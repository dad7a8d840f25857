"""Log templates: which lines belong together, whatever the order, and what they are called."""

import random
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracepulse.derive.log_templates import LogShape, LogTemplate, log_templates
from tracepulse.model.log_shape import shape_of

CASES = Path(__file__).resolve().parents[1] / "cases" / "log_templates"
FILES = sorted(CASES.glob("*.txt"))


def shapes_of(bodies: Sequence[str], first_seen: Mapping[str, int] | None = None) -> list[LogShape]:
    """Return the shapes of some lines, in the order of their first line."""
    examples: dict[str, list[str]] = {}
    for body in bodies:
        examples.setdefault(shape_of(body), []).append(body)
    seen = first_seen or {}
    return [
        LogShape(shape, tuple(dict.fromkeys(found))[:8], seen.get(shape, 0))
        for shape, found in examples.items()
    ]


def templates_of(bodies: Sequence[str]) -> dict[str, str]:
    """Return for each body the text of its template."""
    found = {shape: each.text for each in log_templates(shapes_of(bodies)) for shape in each.shapes}
    return {body: found[shape_of(body)] for body in bodies}


def read_case(path: Path) -> dict[str, str]:
    """Return the lines of a case, and the template that each must have."""
    wanted = {}
    template = ""
    for line in path.read_text().splitlines():
        if line.startswith("    "):
            wanted[line[4:].replace("\\n", "\n").replace("\\t", "\t")] = template
        elif line and not line.startswith("#"):
            template = line
    return wanted


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_lines_have_the_template_that_is_written_over_them(path: Path) -> None:
    """All lines of a file are given at once, as lines of one service."""
    wanted = read_case(path)
    assert wanted == templates_of(list(wanted))


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_order_and_company_of_equal_lines_change_nothing(path: Path) -> None:
    """Shapes and examples in twenty other orders give the same templates, ids and all."""
    shapes = shapes_of(list(read_case(path)))
    expected = log_templates(shapes)
    chosen = random.Random(1)
    for _ in range(20):
        chosen.shuffle(shapes)
        turned = [
            LogShape(each.shape_id, tuple(chosen.sample(each.examples, len(each.examples))))
            for each in shapes
        ]
        assert expected == log_templates(turned)


def test_an_id_survives_a_template_that_becomes_more_general() -> None:
    """The id is that of the earliest shape: the older template's, and each shape is found by its own."""
    lines = [f"cannot find the city of {word} today" for word in "rome paris oslo bonn".split()]
    more = [f"cannot find the city of {word} today" for word in "bern kiev riga minsk".split()]
    first_seen = {shape_of(line): n for n, line in enumerate([*lines, *more])}
    before = log_templates(shapes_of(lines, first_seen))
    after = log_templates(shapes_of([*more, *lines], first_seen))
    assert 4 == len(before)
    assert [
        LogTemplate(lines[0], "cannot find the city of <*> today", tuple(sorted([*lines, *more])))
    ] == list(after)
    assert {each.template_id for each in before} <= set(after[0].shapes)


def test_digits_drawn_anew_make_no_new_templates() -> None:
    """However many numbers pass, lines of three kinds stay three templates."""
    chosen = random.Random(2)
    bodies = [
        form.format(*(chosen.randrange(10**9) for _ in range(3)))
        for form in (
            "took {} ms for {} of {}",
            "blk_-{} on node-{} at {}",
            "GET /v1/users/{} {} {}",
        )
        for _ in range(500)
    ]
    assert {
        "took <*> ms for <*> of <*>",
        "<*> on node-<*> at <*>",
        "GET <*> <*> <*>",
    } == set(templates_of(bodies).values())


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.text(alphabet="ab1.:=/-_ '\"{}[]\n\t<*>é\x01", max_size=30),
        max_size=12,
    )
)
def test_every_shape_is_in_exactly_one_template(bodies: list[str]) -> None:
    """Whatever the lines are made of: none is lost, so counts by template add up to the lines."""
    shapes = shapes_of(bodies)
    found = log_templates(shapes)
    assert sorted(each.shape_id for each in shapes) == sorted(
        shape for each in found for shape in each.shapes
    )
    assert all(each.template_id in each.shapes for each in found)
    assert found == log_templates(reversed(shapes))
