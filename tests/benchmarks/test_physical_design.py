"""The benchmark of the tables' layout tries layouts that the engine takes."""

import pytest
from benchmarks.physical_design import VARIANTS, Variant, create_statement

from tracepulse.store.chdb import ChdbEngine


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: f"{v.signal}: {v.name}")
def test_a_variant_is_a_table(engine: ChdbEngine, variant: Variant) -> None:
    """Each undoes something that the schema has, and nothing is left to be filled in."""
    statement = create_statement(variant)
    assert "@" not in statement
    engine.execute(statement)
    engine.execute("DROP TABLE variant")
