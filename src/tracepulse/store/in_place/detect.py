"""Which tables of a Collector's are there, read from the system tables; nothing is tried or made."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tracepulse.errors import BadSetting, EngineError, Unavailable
from tracepulse.store.clickhouse import error_code
from tracepulse.store.engine import Engine
from tracepulse.store.in_place.columns import COLUMNS, Role, is_json

__all__ = ["Found", "Tables", "detect", "named_tables", "quoted"]

_USUAL: Mapping[Role, tuple[str, ...]] = {
    Role.TRACES: ("otel_traces",),
    Role.LOGS: ("otel_logs",),
    Role.GAUGE: ("otel_metrics_gauge",),
    Role.SUM: ("otel_metrics_sum",),
    Role.HISTOGRAM: ("otel_metrics_histogram",),
    Role.EXPONENTIAL_HISTOGRAM: (
        "otel_metrics_exponential_histogram",
        "otel_metrics_exp_histogram",
    ),
    Role.SUMMARY: ("otel_metrics_summary",),
}
"""The exporter's names for its tables."""
_ACCESS_DENIED = 497
_COLUMNS = """
SELECT t.name AS table, t.engine AS engine, c.name AS column, c.type AS type, c.default_kind AS kind
FROM system.tables AS t
LEFT JOIN system.columns AS c ON c.database = t.database AND c.table = t.name
WHERE t.database = {database:String} AND has({tables:Array(String)}, t.name)
ORDER BY table, c.position
"""
_OTHERS = """
SELECT name FROM system.tables
WHERE database = {database:String} AND (name ILIKE '%otel%' OR name ILIKE '%trace%' OR name ILIKE '%log%')
ORDER BY name LIMIT 10
"""


@dataclass(frozen=True, slots=True)
class Found:
    """A table of theirs."""

    role: Role
    database: str
    name: str
    engine: str
    columns: Mapping[str, str]
    """Type by name, as system.columns has them."""
    computed: frozenset[str] = frozenset()
    """Columns that are worked out when they are read."""

    @property
    def source(self) -> str:
        """The table as a statement names it."""
        return f"{quoted(self.database)}.{quoted(self.name)}"

    @property
    def json_columns(self) -> frozenset[str]:
        """Attributes that are kept as JSON."""
        return frozenset(name for name, kind in self.columns.items() if is_json(kind))

    @property
    def absent(self) -> tuple[str, ...]:
        """Columns of the exporter's that this table lacks, for which something stands in."""
        ours = ("ReceivedAt", "Origin", "Trust", "DataSet", "SegmentId")
        return tuple(
            each.name
            for each in COLUMNS[self.role]
            if each.name not in self.columns and each.name not in ours
        )


@dataclass(frozen=True, slots=True)
class Tables:
    """What was found, by role; a role without a table is not there."""

    database: str
    found: Mapping[Role, Found]

    def describe(self) -> tuple[str, ...]:
        """Return a line for each kind of telemetry: what was detected, and what is absent."""
        lines = []
        for role in Role:
            each = self.found.get(role)
            if each is None:
                lines.append(f"{role.value}: no table")
                continue
            form = "JSON attributes" if each.json_columns else "map attributes"
            if role is Role.TRACE_IDS:
                form = "times of traces"
            absent = f"; without {', '.join(each.absent)}" if each.absent else ""
            lines.append(
                f"{role.value}: {each.database}.{each.name} ({each.engine}, {form}){absent}"
            )
        return tuple(lines)


def named_tables(given: Sequence[str]) -> dict[Role, str]:
    """
    Return the operator's names for tables, from `traces=spans` and the like.

    Raises:
        BadSetting: one is not of this form, or there is no such kind of table.
    """
    named = {}
    for each in given:
        kind, equals, name = each.partition("=")
        if not equals or not name.strip() or kind.strip() not in {role.value for role in Role}:
            raise BadSetting(
                f"in_place_tables: {each!r}; write KIND=TABLE, where KIND is one of"
                f" {', '.join(role.value for role in Role)}"
            )
        named[Role(kind.strip())] = name.strip()
    return named


def detect(engine: Engine, database: str, named: Mapping[Role, str] | None = None) -> Tables:
    """
    Look for the exporter's tables in a database.

    Args:
        named: tables that have names of their own.
    Raises:
        Unavailable: there is neither a table of traces nor one of logs, one that was named is not
            there, or one lacks a column that nothing can stand in for. The text says what to do.
    """
    named = named or {}
    wanted = {role: (named[role],) if role in named else names for role, names in _USUAL.items()}
    traces = named.get(Role.TRACES, _USUAL[Role.TRACES][0])
    wanted[Role.TRACE_IDS] = (named.get(Role.TRACE_IDS, f"{traces}_trace_id_ts"),)
    seen = _read(engine, database, [name for names in wanted.values() for name in names])
    found: dict[Role, Found] = {}
    for role, names in wanted.items():
        for name in names:
            if name in seen:
                found[role] = _checked(seen[name], role, database, name, engine.name)
                break
        else:
            if role in named:
                raise Unavailable(_missing(engine, database, named[role], role))
    if Role.TRACES not in found and Role.LOGS not in found:
        raise Unavailable(_missing(engine, database, traces, Role.TRACES))
    return Tables(database, found)


def quoted(name: str) -> str:
    """Return a name of theirs as an identifier."""
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


_Seen = tuple[str, dict[str, str], frozenset[str]]


def _read(engine: Engine, database: str, names: list[str]) -> dict[str, _Seen]:
    try:
        rows = engine.query(_COLUMNS, {"database": database, "tables": names}).to_pylist()
    except EngineError as error:
        raise Unavailable(
            f"{engine.name}: the system tables cannot be read ({error}); the user needs"
            " GRANT SELECT ON system.tables and system.columns"
        ) from error
    engines: dict[str, str] = {}
    columns: dict[str, dict[str, str]] = {}
    computed: dict[str, set[str]] = {}
    for row in rows:
        engines[row["table"]] = row["engine"]
        if row["column"]:
            columns.setdefault(row["table"], {})[row["column"]] = row["type"]
            if row["kind"] in ("ALIAS", "EPHEMERAL"):
                computed.setdefault(row["table"], set()).add(row["column"])
    return {
        table: (name, columns.get(table, {}), frozenset(computed.get(table, ())))
        for table, name in engines.items()
    }


def _checked(seen: _Seen, role: Role, database: str, name: str, where: str) -> Found:
    engine, columns, computed = seen
    columns = _with_nested(columns)
    found = Found(role, database, name, engine, columns, computed)
    lacking = [each.name for each in COLUMNS[role] if not each.absent and each.name not in columns]
    if not lacking:
        return found
    raise Unavailable(_lacking(found, lacking, where))


def _lacking(found: Found, lacking: Sequence[str], where: str) -> str:
    there = ", ".join(list(found.columns)[:30]) or "none that this user may see"
    return (
        f"{where}: the table {found.database}.{found.name} has no column {', '.join(lacking)}, or"
        f" this user may not read it; it has {there}. Is it a {found.role.value} table of the"
        " OpenTelemetry Collector's ClickHouse exporter? Name another with --in-place-tables"
        f" {found.role.value}=TABLE, or GRANT SELECT ON {found.source}"
    )


def _with_nested(columns: Mapping[str, str]) -> dict[str, str]:
    """Take nested columns that are kept as one array of tuples (flatten_nested = 0) apart."""
    known = dict(columns)
    for name, kind in columns.items():
        inside = re.fullmatch(r"Nested\((.*)\)|Array\(Tuple\((.*)\)\)", kind, re.DOTALL)
        if inside is None:
            continue
        for part in _split(inside[1] or inside[2]):
            field, _, its_type = part.strip().partition(" ")
            known[f"{name}.{field.strip('`')}"] = f"Array({its_type})"
    return known


def _split(text: str) -> list[str]:
    """Split at the commas that stand outside brackets."""
    parts, depth, start = [], 0, 0
    for place, sign in enumerate(text):
        depth += (sign == "(") - (sign == ")")
        if sign == "," and not depth:
            parts.append(text[start:place])
            start = place + 1
    return [*parts, text[start:]]


def _missing(engine: Engine, database: str, name: str, role: Role) -> str:
    """Say why a table cannot be seen: it is not there, or its user may not."""
    full = f"{quoted(database)}.{quoted(name)}"
    try:
        engine.query(f"SELECT 1 AS one FROM {full} LIMIT 0")  # noqa: S608
    except EngineError as error:
        code = error_code(error)
    else:
        code = 0
    if code == _ACCESS_DENIED:
        return (
            f"{engine.name}: this user may not read {full};"
            f" GRANT SELECT ON {full} (and the exporter's other tables) to it"
        )
    others = engine.query(_OTHERS, {"database": database}).column("name").to_pylist()
    seen = f"it has {', '.join(others)}" if others else "it has none like it that this user may see"
    return (
        f"{engine.name}: there is no table {name} in the database {database}; {seen}. Put the"
        " exporter's database into --in-place-url, or name its table with --in-place-tables"
        f" {role.value}=TABLE"
    )
