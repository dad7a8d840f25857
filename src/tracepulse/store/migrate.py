"""Bring the tables of a data folder or server up to this version."""

from collections.abc import Mapping
from importlib.resources import files

from tracepulse.errors import Unavailable
from tracepulse.store.engine import Engine
from tracepulse.store.load.tables import ROLLUPS
from tracepulse.store.settings import (
    EDGE_SETTINGS,
    LAYOUT_SETTINGS,
    MERGE_SETTINGS,
    ROLLUP_SETTINGS,
    TABLE_SETTINGS,
    literal,
)
from tracepulse.store.shapes import SHAPE_FROM_WARN, pattern_shape_sql

__all__ = ["BIN_EXPRESSION", "ROLLUPS", "migrate", "rollup_select"]

_SECOND = "toDateTime(intDiv(toUnixTimestamp64Nano(Timestamp), 1000000000))"
"""To whole seconds. Past 2106, where they end, it is their last; toDateTime(Timestamp) would begin
again at 1970, and count a far-off record among those of today."""
BIN_EXPRESSION = {
    "span_bins": f"toStartOfInterval({_SECOND}, INTERVAL 5 SECOND)",
    "span_minutes": f"toStartOfMinute({_SECOND})",
    "log_bins": f"toStartOfInterval({_SECOND}, INTERVAL 5 SECOND)",
}
"""The bin of a row, by roll-up; @bin in the roll-ups' files."""

_MIGRATIONS = ("0001_telemetry.sql", "0002_rollups.sql", "0003_edges.sql", "0004_log_shapes.sql")
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
    layout = _known(engine, LAYOUT_SETTINGS | MERGE_SETTINGS)
    engine.execute(_fill(_VERSIONS, engine, layout))
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
            engine.execute(_fill(statement, engine, layout))
        engine.execute(
            "INSERT INTO tracepulse_migrations (Name) SELECT {name:String}", {"name": name}
        )
        applied.append(name)
    return tuple(applied)


def rollup_select(rollup: str) -> str:
    """Return the SELECT over its table that says what a roll-up holds."""
    text = files("tracepulse.store.schema").joinpath(f"rollups/{rollup}.sql").read_text()
    return text.replace("@shape", SHAPE_FROM_WARN).replace("@bin", BIN_EXPRESSION[rollup])


def _known(engine: Engine, settings: Mapping[str, int | str]) -> dict[str, int | str]:
    """Return those settings of tables that the engine has; servers of other versions lack some."""
    found = engine.query(
        "SELECT name FROM system.merge_tree_settings WHERE has({names:Array(String)}, name)",
        {"names": list(settings)},
    )
    names = set(found.column("name").to_pylist())
    return {name: value for name, value in settings.items() if name in names}


def _merging(layout: Mapping[str, int | str]) -> dict[str, int | str]:
    return {name: value for name, value in layout.items() if name in MERGE_SETTINGS}


def _fill(statement: str, engine: Engine, layout: Mapping[str, int | str]) -> str:
    return (
        statement.replace("@pattern_shape", pattern_shape_sql())
        .replace("@table_settings", _clause({**TABLE_SETTINGS, **layout}))
        .replace("@edge_settings", _clause({**EDGE_SETTINGS, **_merging(layout)}))
        .replace("@rollup_settings", _clause({**ROLLUP_SETTINGS, **_merging(layout)}))
        .replace("@aggregating_engine", engine.table_engine(aggregating=True))
        .replace("@replacing_engine", engine.table_engine().replace("Merge", "ReplacingMerge"))
        .replace("@engine", engine.table_engine())
    )


def _clause(settings: Mapping[str, int | str]) -> str:
    return ", ".join(
        f"{name} = {literal(value) if isinstance(value, str) else value}"
        for name, value in settings.items()
    )
