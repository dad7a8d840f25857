"""Made-up systems with a slowed place: the same each time, and slowed where they say."""

import numpy as np
import pytest
from benchmarks.generator.slow_nodes import SHAPES, slow_case


@pytest.mark.parametrize("shape", SHAPES)
def test_the_same_seed_gives_the_same_spans(shape: str) -> None:
    """Two runs of one seed do not differ in any column; another seed does."""
    first, again, other = (slow_case(shape, seed, 60).columns for seed in (3, 3, 4))
    assert np.array_equal(first.span_id, again.span_id)
    assert np.array_equal(first.start_unix_ns, again.start_unix_ns)
    assert first.attributes == again.attributes
    assert not np.array_equal(first.duration_ns[:50], other.duration_ns[:50])


@pytest.mark.parametrize("shape", [shape for shape in SHAPES if shape != "nothing"])
def test_what_is_slowed_is_there(shape: str) -> None:
    """The slowed operation or resource occurs among the spans."""
    case = slow_case(shape, 5, 60)
    assert case.truth is not None
    rows = zip(case.columns.service, case.columns.name, case.columns.attributes, strict=True)
    named = {
        ("", "", said["server.address"]) if "server.address" in said else (service, name, "")
        for service, name, said in rows
    }
    assert (case.truth.service, case.truth.operation, case.truth.resource) in named
