"""Bring the tables of a data folder or server up to this version."""

from collections.abc import Mapping
from importlib.resources import files

from tracepulse.errors import Unavailable
from tracepulse.store.engine import Engine
from tracepulse.store.settings import ROLLUP_SETTINGS, TABLE_SETTINGS
from tracepulse.store.shapes import SHAPE_FROM_WARN

__all__ = ["ROLLUPS", "migrate", "rollup_select"]

ROLLUPS = {"otel_traces": ("span_bins", "span_minutes"), "otel_logs": ("log_bins",)}
"""The roll-ups that each table feeds."""

_MIGRATIONS = ("0001_telemetry.sql", "0002_rollups.sql")
_VERSIONS = """
CREATE TABLE IF NOT EXISTS tracepulse_migrations
(
    Name String,
    AppliedAt DateTime DEFAULT now()
)
ENGINE = @engine
ORDER BY Name
"""


def migrate(engine: Engine) -> tuple[str, ...]:
    """
    Apply the migrations that are missing, in order; return their names.

    Raises:
        Unavailable: the tables were made by a newer version of TracePulse.
    """
    engine.execute(_fill(_VERSIONS, engine))
    found = engine.query("SELECT DISTINCT Name FROM tracepulse_migrations ORDER BY Name")
    done = set(found.column("Name").to_pylist())
    unknown = sorted(done - set(_MIGRATIONS))
    if unknown:
        raise Unavailable(
            f"the tables were made by a newer version of TracePulse (migration {unknown[0]});"
            " run that version, or point this one at another data folder"
        )
    applied = []
    for name in _MIGRATIONS:
        if name in done:
            continue
        text = files("tracepulse.store.schema").joinpath(name).read_text()
        for statement in text.split("\n--\n"):
            engine.execute(_fill(statement, engine))
        engine.execute(
            "INSERT INTO tracepulse_migrations (Name) SELECT {name:String}", {"name": name}
        )
        applied.append(name)
    for rollups in ROLLUPS.values():
        for rollup in rollups:
            engine.execute(
                f"CREATE MATERIALIZED VIEW IF NOT EXISTS {rollup}_view TO {rollup} AS\n"
                + rollup_select(rollup)
            )
    return tuple(applied)


def rollup_select(rollup: str) -> str:
    """Return the SELECT that fills a roll-up from its table."""
    text = files("tracepulse.store.schema").joinpath(f"rollups/{rollup}.sql").read_text()
    return text.replace("@shape", SHAPE_FROM_WARN)


def _fill(statement: str, engine: Engine) -> str:
    return (
        statement.replace("@table_settings", _clause(TABLE_SETTINGS))
        .replace("@rollup_settings", _clause(ROLLUP_SETTINGS))
        .replace("@aggregating_engine", engine.table_engine(aggregating=True))
        .replace("@engine", engine.table_engine())
    )


def _clause(settings: Mapping[str, int]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in settings.items())
