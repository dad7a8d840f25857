"""Order and depth of spans as a waterfall shows them."""

import random

from tracepulse.derive.waterfall import waterfall
from tracepulse.testing import draw_spans, span_columns

TRACE = """
A Server shop @h1    : ==============
  C                  :       ====
  B Client           :  ====
    D Server cart @h2: [102,104)
  E                  :       ===
X parent=lost        : =
X                    : =
"""


def test_depth_first_by_start() -> None:
    """The root's tree comes first; children by start, then id; times by the root's clock."""
    spans = list(draw_spans(TRACE))
    expected = [
        ("A", 0, None, 0, 14, True),
        ("B", 1, "A", 1, 5, True),
        ("D", 2, "B", 2, 4, True),
        ("C", 1, "A", 6, 10, True),
        ("E", 1, "A", 6, 9, True),
        ("X", 0, None, 0, 1, False),
    ]
    for seed in range(4):
        random.Random(seed).shuffle(spans)
        rows = waterfall(span_columns(spans))
        actual = [
            (
                spans[row.row].span_id,
                row.depth,
                None if row.parent_row is None else spans[row.parent_row].span_id,
                row.start_unix_ns,
                row.end_unix_ns,
                row.joined,
            )
            for row in rows
        ]
        assert actual == expected


def test_no_spans() -> None:
    """Nothing in, nothing out."""
    assert waterfall(span_columns([])) == ()
