"""
What stands in our statements where they name a table of ours: one SELECT over a table of theirs.

Nothing is made for it, neither a view nor a temporary table: the SELECT is put into each statement,
in brackets. The engine looks through it, so that conditions reach the indexes and only the columns
that are asked for are read. A statement over no bounded time would read all that somebody else ever
kept; so each is bounded here, inside the brackets, where a distributed table bounds it too.
"""

import re
from collections.abc import Iterable
from functools import lru_cache

from tracepulse.store.in_place.columns import (
    COLUMNS,
    OURS,
    TIME,
    Column,
    Form,
    Role,
    expression,
)
from tracepulse.store.in_place.detect import Found, Tables, quoted
from tracepulse.store.migrate import rollup_select
from tracepulse.store.settings import literal

__all__ = ["ROLLUPS", "Sources"]

ROLLUPS = ("span_bins", "log_bins")
"""Roll-ups of ours, worked out from raw rows by the file of their name."""
_S = 1_000_000_000
_BIN_NS = 5 * _S
_AROUND_NS = 3600 * _S
"""How far past the window of a question the rest of a trace is looked for."""
_NAMES_DAYS = 1
"""How far back the names of metrics are looked for."""
_TABLE = re.compile(rf"\b(FROM|JOIN)(\s+)({'|'.join((*OURS, *ROLLUPS))})\b(?!\s*\()(?!\.)")
_AS = re.compile(r"\s+AS\s")
_LITERAL = re.compile(r"(?:\b(\w+)\.)?\b((?:Span|Resource|Log|Scope)?Attributes)\['([^'\\]+)'\]")
_PARAMETER = re.compile(
    r"(?:\b(\w+)\.)?\b((?:Span|Resource|Log|Scope)?Attributes)\[(\{\w+:String\})\]"
)
_EMPTY_TYPES = {
    Form.INSTANT: "DateTime64(9)",
    Form.LENGTH: "UInt64",
    Form.SMALL: "UInt8",
    Form.MAP: "Map(String, String)",
    Form.SERIES: "Map(String, String)",
}
_EMPTY_PLAIN = {
    "TimestampTime": "DateTime",
    "Value": "Float64",
    "Sum": "Float64",
    "Count": "UInt64",
    "ShapeId": "UInt64",
}


class Sources:
    """Puts the tables that were found into statements."""

    def __init__(self, tables: Tables, look_back_days: int) -> None:
        """
        Remember the tables.

        Args:
            look_back_days: how far back from the newest row a question looks that names no time.
        """
        self._tables = tables
        self._days = look_back_days
        self.expand = lru_cache(256)(self._expand)

    def bare(self, role: Role) -> Found | None:
        """Return a table of theirs as it is."""
        return self._tables.found.get(role)

    def _expand(self, sql: str) -> str:
        """Return a statement of ours with their tables in place of ours."""
        around = _AROUND_NS if re.search(r"\bTraceId IN\b", sql) else 0
        return self._fill(sql, sql, around)

    def _fill(self, sql: str, whole: str, around_ns: int) -> str:
        jsons = self._json_columns()
        literals = _literals(sql, jsons)
        sql = _rewritten(sql, jsons, self._json_of_the_one(sql))

        def put(found: re.Match[str]) -> str:
            name = found[3]
            if name in ROLLUPS:
                inner = self._fill(rollup_select(name), whole, _BIN_NS)
            else:
                inner = self._select(OURS[name], whole, around_ns, literals)
            alias = "" if _AS.match(found.string, found.end()) else f" AS {name}"
            return f"{found[1]}{found[2]}({inner}){alias}"

        return _TABLE.sub(put, sql)

    def _json_columns(self) -> frozenset[str]:
        return frozenset(
            column
            for role, found in self._tables.found.items()
            for column in found.json_columns
            if role is not Role.TRACE_IDS
        )

    def _json_of_the_one(self, sql: str) -> frozenset[str]:
        """Return the JSON attributes of the table that a statement reads, where it is but one."""
        roles = {OURS[name] for _, _, name in _TABLE.findall(sql) if name in OURS}
        found = self._tables.found.get(roles.pop()) if len(roles) == 1 else None
        return found.json_columns if found is not None else frozenset()

    def _select(
        self, role: Role, whole: str, around_ns: int, literals: Iterable[tuple[str, str]]
    ) -> str:
        found = self._tables.found.get(role)
        if found is None:
            nothing = [f"{_empty(each)} AS {quoted(each.name)}" for each in COLUMNS[role]]
            nothing += [f"'' AS {quoted(_key_name(column, key))}" for column, key in literals]
            return f"SELECT {', '.join(nothing)} WHERE 0"
        shown = [f"{_read(each, found)} AS {quoted(each.name)}" for each in COLUMNS[role]]
        for column in sorted(found.json_columns):
            if "." not in column:
                shown.append(f"source.{quoted(column)} AS {quoted(_json_name(column))}")
        for column, key in literals:
            if column in found.columns:
                value = (
                    f"ifNull(CAST(source.{quoted(column)}.{quoted(key)}, 'Nullable(String)'), '')"
                    if column in found.json_columns
                    else f"source.{quoted(column)}[{literal(key)}]"
                )
                shown.append(f"{value} AS {quoted(_key_name(column, key))}")
        bounds = " AND ".join(self._bounds(found, whole, around_ns))
        return f"SELECT {', '.join(shown)} FROM {found.source} AS source WHERE {bounds}"  # noqa: S608

    def _bounds(self, found: Found, whole: str, around_ns: int) -> list[str]:
        time = f"source.{quoted(TIME[found.role])}"
        # Logs are partitioned by this one where they have it.
        coarse = (
            f"source.{quoted('TimestampTime')}"
            if found.role is Role.LOGS
            and "TimestampTime" in found.columns
            and "TimestampTime" not in found.computed
            else ""
        )
        # Some read a little around their window too, and say how far.
        for start, end in (("{before:Int64}", "{after:Int64}"), ("{start:Int64}", "{end:Int64}")):
            if start in whole and end in whole:
                return _window(time, coarse, start, end, around_ns)
        if found.role is Role.TRACES and "{trace_ids:Array(String)}" in whole:
            times = self._tables.found.get(Role.TRACE_IDS)
            if times is not None:
                return _times_of_traces(time, times, self._newest(found, time, self._days))
        names_only = found.role not in (Role.TRACES, Role.LOGS) and "{name:String}" not in whole
        days = _NAMES_DAYS if names_only else self._days
        return [f"{coarse or time} >= {self._newest(found, coarse or time, days)}"]

    def _newest(self, found: Found, time: str, days: int) -> str:
        """So many days before the newest row, or before now where clocks ran ahead."""
        newest = f"(SELECT max({time}) FROM {found.source} AS source)"  # noqa: S608
        return (
            f"toDateTime(least(toUnixTimestamp(toDateTime({newest})),"
            f" toUnixTimestamp(now()) + 86400)) - INTERVAL {days} DAY"
        )


def _window(time: str, coarse: str, start: str, end: str, around_ns: int) -> list[str]:
    start = f"greatest({start} - {around_ns}, 0)"
    end = f"least({end}, {2**63 - 1 - around_ns}) + {around_ns}"
    bounds = [
        f"{time} >= fromUnixTimestamp64Nano(toInt64({start}))",
        f"{time} < fromUnixTimestamp64Nano(toInt64({end}))",
    ]
    if coarse:
        last = 2**32 - 1
        bounds += [
            f"{coarse} >= toDateTime(least(intDiv({start}, {_S}), {last}))",
            f"{coarse} <= toDateTime(least(intDiv({end}, {_S}), {last}))",
        ]
    return bounds


def _times_of_traces(time: str, times: Found, otherwise: str) -> list[str]:
    """Bound by when the traces were; where the look-up lacks one of them, as without it."""
    wanted = "{trace_ids:Array(String)}"

    def of(instant: str) -> str:
        return (
            "(SELECT"  # noqa: S608 - names from the system tables, quoted
            f" if(uniqExact(TraceId) = length(arrayDistinct({wanted})),"
            f" toUnixTimestamp(toDateTime({instant})), NULL)"
            f" FROM {times.source} WHERE has({wanted}, TraceId))"
        )

    first, last = of("min(Start)"), of("max(End)")
    return [
        f"{time} >= toDateTime(ifNull({first}, toUnixTimestamp({otherwise})))",
        f"{time} < toDateTime(least(ifNull({last}, {2**32 - 3}) + 2, {2**32 - 1}))",
    ]


def _literals(sql: str, jsons: frozenset[str]) -> tuple[tuple[str, str], ...]:
    """Return the attributes that a statement reads by name."""
    return tuple(sorted({(c, key) for _, c, key in _LITERAL.findall(sql) if c in jsons}))


def _rewritten(sql: str, jsons: frozenset[str], of_the_one: frozenset[str]) -> str:
    """Read single attributes from the JSON itself: a hundred times faster than from a map of it."""

    def by_name(found: re.Match[str]) -> str:
        if found[2] not in jsons:
            return found[0]
        owner = f"{found[1]}." if found[1] else ""
        return owner + quoted(_key_name(found[2], found[3]))

    def by_parameter(found: re.Match[str]) -> str:
        if found[2] not in of_the_one:
            return found[0]
        owner = f"{found[1]}." if found[1] else ""
        value = f"getSubcolumn({owner}{quoted(_json_name(found[2]))}, {found[3]})"
        return f"ifNull(CAST({value}, 'Nullable(String)'), '')"

    return _PARAMETER.sub(by_parameter, _LITERAL.sub(by_name, sql))


def _key_name(column: str, key: str) -> str:
    return f"{column}:{key}"


def _json_name(column: str) -> str:
    return f"{column}:json"


def _read(column: Column, found: Found) -> str:
    if column.name in found.columns:
        return expression(column, found.columns[column.name], f"source.{quoted(column.name)}")

    def theirs(named: re.Match[str]) -> str:
        source = next(each for each in COLUMNS[found.role] if each.name == named[1])
        return _read(source, found)

    return re.sub(r"@(\w+)", theirs, column.absent)


def _empty(column: Column) -> str:
    if column.absent and "@" not in column.absent:
        return column.absent
    return f"defaultValueOfTypeName('{_empty_type(column)}')"


def _empty_type(column: Column) -> str:
    if column.form is Form.PLAIN:
        return _EMPTY_PLAIN.get(column.name, "String")
    return _EMPTY_TYPES.get(column.form, "String")
