"""What waits for what, learned from many traces."""

import random
from dataclasses import replace

import numpy as np

from tracepulse.derive.blocking_path import blocking_path
from tracepulse.derive.dependencies import Dependencies, learn_dependencies
from tracepulse.derive.span_codes import span_codes
from tracepulse.derive.trace_tree import trace_forest
from tracepulse.testing import DrawnSpan, canonical_bytes, draw_spans, span_columns

IN_A_ROW = """
R Server     : ====================
  A name=a   :  =====
  B name=b   :         =====
"""
AT_ONCE = """
R Server     : ====================
  A name=a   :  =====
  B name=b   :     =====
"""
TURNED_ROUND = """
R Server     : ====================
  A name=a   :         =====
  B name=b   :  =====
"""
A_LOOP = """
R Server     : ====================
  A name=a   :  ==
  B name=b   :     ==
  C name=a   :        ==
  D name=b   :           ==
"""
LEFT = """
R Server     : ========
  A name=a   :  =====
  B name=b   :  ==============
"""
IN_TIME = """
R Server     : ==================
  A name=a   :  =====
  B name=b   :  ==============
"""


def _traces(*drawings: str) -> list[DrawnSpan]:
    return [
        replace(span, trace_id=f"{number:032x}", name=span.name or span.span_id)
        for number, drawing in enumerate(drawings)
        for span in draw_spans(drawing)
    ]


def _learned(spans: list[DrawnSpan]) -> tuple[Dependencies, list[str]]:
    codes, _, nodes = span_codes(span_columns(spans))
    return learn_dependencies(trace_forest(codes), codes), [node.name for node in nodes]


def _pair(spans: list[DrawnSpan], a: str, b: str) -> tuple[bool, int]:
    """Return whether two calls are concurrent, and how many traces say so."""
    found, names = _learned(spans)
    at = (found.pair_a == names.index(a)) & (found.pair_b == names.index(b))
    return bool(found.concurrent()[at].any()), int(found.pair_traces[at].sum())


def _held(spans: list[DrawnSpan], trace: int, *, learn: bool) -> list[tuple[str, int]]:
    path = blocking_path(span_columns(spans), f"{trace:032x}", learn=learn)
    return [(section.span_id, section.duration_ns) for section in path.sections]


def test_a_sequence_without_exception_is_one() -> None:
    """Its evidence is the number of traces."""
    assert _pair(_traces(*[IN_A_ROW] * 7), "a", "b") == (False, 7)


def test_one_contradiction_is_enough() -> None:
    """Once both at once, or once the other way round, and neither waits for the other."""
    assert _pair(_traces(*[IN_A_ROW] * 7, AT_ONCE), "a", "b") == (True, 8)
    assert _pair(_traces(*[IN_A_ROW] * 7, TURNED_ROUND), "a", "b") == (True, 8)


def test_a_loop_contradicts_nothing() -> None:
    """Calls that follow each other round and round are in sequence, each kind with itself too."""
    of_each_turn, of_one = 2 * 2, 1
    assert _pair(_traces(A_LOOP, A_LOOP, IN_A_ROW), "a", "b") == (False, 2 * of_each_turn + of_one)
    assert _pair(_traces(A_LOOP, A_LOOP), "a", "a") == (False, 2)


def test_the_first_of_two_is_not_the_second() -> None:
    """A query made before a call, and again beside it, leaves the first of the two in sequence."""
    both = """
    R Server     : ====================
      A name=a   :  ====
      B name=b   :       =======
      C name=a   :        ====
    """
    spans = _traces(both, both)
    assert _held(spans, 0, learn=True) == [("R", 1), ("A", 4), ("R", 1), ("B", 7), ("R", 7)]


def test_a_concurrent_call_is_not_what_the_next_one_waited_for() -> None:
    """By time alone B waited for A; as they are made at once elsewhere, their parent is blamed."""
    spans = _traces(IN_A_ROW, AT_ONCE)
    assert _held(spans, 0, learn=False) == [("R", 1), ("A", 5), ("R", 2), ("B", 5), ("R", 7)]
    assert _held(spans, 0, learn=True) == [("R", 8), ("B", 5), ("R", 7)]


def test_what_is_left_behind_is_not_waited_for() -> None:
    """Work that goes on after its parent again and again is off the path, and this is said."""
    spans = _traces(LEFT, LEFT, LEFT, IN_TIME)
    assert _held(spans, 0, learn=False) == [("R", 1), ("B", 7)]
    assert _held(spans, 0, learn=True) == [("R", 1), ("A", 5), ("R", 2)]
    assert _held(spans, 3, learn=True) == [("R", 1), ("A", 5), ("R", 12)]
    notes = blocking_path(span_columns(spans), f"{0:032x}", learn=True).notes
    assert [(note.reason.value, note.span_ids) for note in notes] == [("left_behind", ("B",))]


def test_the_first_of_several_answers_was_waited_for() -> None:
    """Where few go on, one that ended in time may have been waited for, one that did not was not."""
    spans = _traces(*[LEFT] * 3, *[IN_TIME] * 9)
    assert _held(spans, 0, learn=True) == [("R", 1), ("A", 5), ("R", 2)]
    assert _held(spans, 5, learn=True) == [("R", 1), ("B", 14), ("R", 3)]


def test_one_late_call_is_no_rule() -> None:
    """A single call that goes on, or one that is closed a moment late, says nothing."""
    assert _held(_traces(LEFT, IN_TIME), 0, learn=True) == [("R", 1), ("B", 7)]
    late = """
    R Server     : [0,100)
      B name=b   : [1,102)
    """
    assert _held(_traces(*[late] * 9), 0, learn=True) == [("R", 1), ("B", 99)]


def test_order_of_spans_does_not_matter() -> None:
    """However spans come, the same is learned and the same path follows from it."""
    spans = _traces(LEFT, LEFT, LEFT, IN_TIME, IN_A_ROW, A_LOOP, AT_ONCE)
    expected = canonical_bytes(blocking_path(span_columns(spans), f"{4:032x}", learn=True))
    for seed in range(6):
        random.Random(seed).shuffle(spans)
        actual = blocking_path(span_columns(spans), f"{4:032x}", learn=True)
        assert canonical_bytes(actual) == expected


def test_many_operations_find_room() -> None:
    """Thousands of different pairs are all kept."""
    spans = []
    for number in range(3_000):
        for span in draw_spans(IN_A_ROW):
            name = span.name if span.name == "a" else f"{span.name}{number}"
            spans.append(replace(span, trace_id=f"{number:032x}", name=name))
    found, _ = _learned(spans)
    assert (len(found.pair_a), found.left_out) == (3_000, 0)
    assert np.array_equal(found.a_first + found.b_first, np.ones(3_000))


CLOCK = """
R Server gateway @h1  : [0,100)
  C Client            : [10,{end})
    S Server cart @h2 : [{there},{back})
"""


def _call(trace: int, ahead: int, way: int, works: int = 0) -> list[DrawnSpan]:
    """A call of 40 whose server's clock is ahead, and which may work on after its answer."""
    there, back = 10 + way + ahead, 50 - way + ahead + works
    return [
        replace(span, trace_id=f"{trace:032x}")
        for span in draw_spans(CLOCK.format(end=50, there=there, back=back))
    ]


def _moved(spans: list[DrawnSpan], trace: int) -> list[int | None]:
    path = blocking_path(span_columns(spans), f"{trace:032x}", learn=True)
    return [note.amount_ns for note in path.notes if note.reason == "clock_corrected"]


def test_clocks_are_read_from_many_traces() -> None:
    """A clock that is ahead is put right by the median, where a call alone could not prove it too."""
    spans = [span for t in range(9) for span in _call(t, ahead=6, way=2 + t)]
    assert _moved(spans, 0) == [6]
    assert _moved(spans, 8) == [6]


def test_one_server_that_works_on_is_no_clock() -> None:
    """Where other traces show clocks to agree, nothing is moved: the rest is cut and said so."""
    spans = [span for t in range(9) for span in _call(t, ahead=0, way=2)]
    spans += _call(9, ahead=0, way=8, works=13)
    assert _moved(spans, 9) == []
    alone = blocking_path(span_columns(spans), f"{9:032x}")
    assert [note.reason.value for note in alone.notes] == ["clock_corrected"]
