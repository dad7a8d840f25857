"""How many parts the tables have: what start-up and queries cost grows with them."""

from tracepulse.store.engine import Engine

__all__ = ["active_parts"]


def active_parts(engine: Engine) -> dict[str, int]:
    """Return the number of active parts by table."""
    answer = engine.query(
        "SELECT table, count() AS parts FROM system.parts"
        " WHERE active AND database = currentDatabase() GROUP BY table ORDER BY table"
    )
    return {str(row["table"]): int(row["parts"]) for row in answer.to_pylist()}
