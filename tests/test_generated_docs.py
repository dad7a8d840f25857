"""The generated pages of docs/reference are as the code has it."""

from tools.docs import stale


def test_generated_pages_are_fresh() -> None:
    """`make docs` would change nothing."""
    assert [] == stale()
