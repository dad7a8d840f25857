"""What senders were told, against what a data folder holds in the end."""

import json
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from tests.faults.server_process import ENVIRONMENT

__all__ = ["Held", "Ledger", "account_faults", "change_folder", "read_folder"]

Signal = Literal["traces", "logs", "metrics"]

_OPEN = """
import chdb, json, sys
connection = chdb.connect(sys.argv[1])
def rows(sql):
    return [json.loads(line) for line in str(connection.query(sql, "JSONCompactEachRow")).splitlines()]
"""

_READ = (
    _OPEN
    + """
def column(sql):
    return [row[0] for row in rows(sql)]
def groups(sql):
    return {f"{row[0]} {row[1]}": int(row[2]) for row in rows(sql + " GROUP BY 1, 2 HAVING 3 > 0")}
second = "toDateTime(intDiv(toUnixTimestamp64Nano(Timestamp), 1000000000))"
print(json.dumps({
    "traces": column("SELECT SpanAttributes['number'] FROM otel_traces"),
    "logs": column("SELECT Body FROM otel_logs"),
    "metrics": column("SELECT Attributes['number'] FROM otel_metrics_gauge"),
    "sums": {
        "otel_traces": groups(f"SELECT DataSet, toStartOfMinute({second}), count() FROM otel_traces"),
        "span_bins": groups("SELECT DataSet, toStartOfMinute(Bin), sum(Calls) FROM span_bins"),
        "span_minutes": groups("SELECT DataSet, Minute, sum(Calls) FROM span_minutes"),
        "otel_logs": groups(f"SELECT DataSet, toStartOfMinute({second}), count() FROM otel_logs"),
        "log_bins": groups("SELECT DataSet, toStartOfMinute(Bin), sum(Lines) FROM log_bins"),
    },
    "detached": [" ".join(row) for row in rows(
        "SELECT table, name, reason FROM system.detached_parts WHERE reason != ''"
    )],
}))
"""
)

_CHANGE = (
    _OPEN
    + """
for statement in sys.argv[2:]:
    connection.query(statement, "TSV")
"""
)


@dataclass(frozen=True, slots=True)
class Held:
    """What the tables and roll-ups of a data folder hold."""

    traces: list[str]
    logs: list[str]
    metrics: list[str]
    sums: dict[str, dict[str, int]]
    """By table or roll-up: how many records in each data set and minute."""
    detached: list[str]


def read_folder(folder: Path) -> Held:
    """Return what a data folder holds that no server has open."""
    return Held(**json.loads(_run(_READ, folder)))


def change_folder(folder: Path, *statements: str) -> None:
    """Run statements on the tables of a data folder that no server has open."""
    _run(_CHANGE, folder, *statements)


def _run(program: str, folder: Path, *statements: str) -> str:
    ran = subprocess.run(
        [sys.executable, "-c", program, str(folder / "engine"), *statements],
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        timeout=300,
        check=False,
    )
    assert 0 == ran.returncode, ran.stderr
    return ran.stdout


def account_faults(accounting: dict[str, Any], held: Held) -> list[str]:
    """Return where the accounts of a server do not add up, or say other than its tables."""
    wrong = list(accounting["faults"])
    for each in accounting["signals"]:
        rows = len(getattr(held, each["signal"]))
        if each["difference"]:
            wrong.append(f"{each['signal']}: {each['difference']} records are in no account")
        if each["stored"] != rows:
            wrong.append(f"{each['signal']}: {each['stored']} stored, where {rows} rows are")
    return wrong


@dataclass(slots=True)
class Ledger:
    """Which numbered records were sent, and which of them acknowledged."""

    sent: dict[Signal, set[str]] = field(default_factory=dict)
    acknowledged: dict[Signal, set[str]] = field(default_factory=dict)

    def note(self, signal: Signal, names: list[str], acknowledged: bool) -> None:
        """Note a request and its answer."""
        self.sent.setdefault(signal, set()).update(names)
        if acknowledged:
            self.acknowledged.setdefault(signal, set()).update(names)

    def add(self, other: "Ledger") -> None:
        """Take in what another sender noted."""
        for signal, names in other.sent.items():
            self.sent.setdefault(signal, set()).update(names)
        for signal, names in other.acknowledged.items():
            self.acknowledged.setdefault(signal, set()).update(names)

    def faults(self, held: Held, since: str = "") -> list[str]:
        """
        Return what is wrong with a folder, in words; nothing when each record is there once.

        Args:
            since: roll-ups of live telemetry are looked at from this minute on, as text.
        """
        found: list[str] = []
        rows: dict[Signal, list[str]] = {
            "traces": held.traces,
            "logs": held.logs,
            "metrics": held.metrics,
        }
        for signal, names in rows.items():
            lost = self.acknowledged.get(signal, set()) - set(names)
            doubled = [name for name, times in Counter(names).items() if times > 1]
            strange = set(names) - self.sent.get(signal, set())
            for what, which in (("lost", lost), ("doubled", doubled), ("never sent", strange)):
                if which:
                    found.append(f"{signal}: {len(which)} {what}, such as {sorted(which)[:3]}")
        for base, rollup in (
            ("otel_traces", "span_bins"),
            ("otel_traces", "span_minutes"),
            ("otel_logs", "log_bins"),
        ):
            expected, summed = held.sums[base], held.sums[rollup]
            wrong = {
                key: (expected.get(key, 0), summed.get(key, 0))
                for key in expected.keys() | summed.keys()
                if not (key.startswith(" ") and key[1:] < since)
                and expected.get(key, 0) != summed.get(key, 0)
            }
            if wrong:
                found.append(
                    f"{rollup} is not {base}: {len(wrong)} minutes, {dict(list(wrong.items())[:3])}"
                )
        return found
