"""The benchmark of the tables' layout tries layouts that the engine takes."""

import pytest
from benchmarks.physical_design import VARIANTS, Variant, create_statement, later_columns

from tracepulse.store.chdb import ChdbEngine


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: f"{v.signal}: {v.name}")
def test_a_variant_is_a_table(engine: ChdbEngine, variant: Variant) -> None:
    """Each undoes something that the schema has, and nothing is left to be filled in."""
    statement = create_statement(variant)
    assert "@" not in statement
    engine.execute(statement)
    for each in later_columns(variant.signal):
        engine.execute(each)
    shipped = _columns(engine, f"otel_{variant.signal}")
    assert shipped == _columns(engine, "variant")
    engine.execute("DROP TABLE variant")


def _columns(engine: ChdbEngine, table: str) -> list[str]:
    found = engine.query(
        "SELECT name FROM system.columns WHERE table = {table:String} AND database ="
        " currentDatabase() ORDER BY name",
        {"table": table},
    )
    names: list[str] = found.column("name").to_pylist()
    return names
