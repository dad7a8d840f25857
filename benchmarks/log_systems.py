"""
Labelled log lines of made-up systems, in the manner of well-known software: the same seed, the same lines.

    python benchmarks/log_systems.py --seed 7 --out build/log_systems

writes a folder for each system in the layout of Loghub's 2k samples, for `log_patterns.py --data`.

What a system writes is a list of statements; `{slot}` in one is a value that is drawn anew for each line, and the
label of a line is its statement with `<*>` for each slot. Statements that differ in a fixed word are
different ones; a list of several values is one slot. Frequencies follow a power law, as in real logs:
half of the statements of a system appear in fewer than one line in a hundred, some only once.

Statements are those of the programs named, as their sources and manuals have them, from memory; values
are drawn. Of systems in JSON and logfmt the label is that of the message.
"""

import argparse
import csv
import json
import random
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

if __package__ in {None, ""}:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.log_statements import STATEMENTS
from benchmarks.log_values import SLOTS, slot_names

__all__ = ["LabelledLine", "system_lines", "systems"]

LINES = 2_000
MASK = "<*>"
_MESSAGE = re.compile(r'^time="\{iso\}" level=\w+ msg="((?:[^"\\]|\\.)+)"')


@dataclass(frozen=True, slots=True)
class LabelledLine:
    """A line, and what it was written by."""

    body: str
    template: str


def _plain(message: str, _: random.Random) -> str:
    return message


def _with_trace(message: str, draw: random.Random) -> str:
    """Put frames of Java behind every line that tells of an exception."""
    if "Exception" not in message:
        return message
    frames = "".join(
        f"\n\tat {SLOTS['java_class'](draw)}.{draw.choice(('run', 'invoke', 'call'))}"
        f"({draw.choice(('Handler', 'Worker', 'Pool'))}.java:{draw.randrange(20, 900)})"
        for _ in range(draw.randrange(2, 12))
    )
    return message + frames


def _zap(message: str, draw: random.Random) -> str:
    fields: dict[str, object] = {
        "level": draw.choice(("info", "info", "warn", "error")),
        "ts": 1_760_000_000 + draw.random() * 1e6,
        "caller": f"{draw.choice(('server', 'raft', 'store'))}/{draw.choice(('api', 'node'))}.go:"
        f"{draw.randrange(30, 900)}",
        "msg": message,
    }
    for name in draw.sample(("took", "peer", "request_id", "revision", "error"), draw.randrange(4)):
        fields[name] = SLOTS["uuid"](draw) if name == "request_id" else SLOTS["go_duration"](draw)
    return json.dumps(fields, separators=(",", ":"))


def _slog(message: str, draw: random.Random) -> str:
    fields = {"time": SLOTS["iso"](draw), "level": "INFO", "message": message}
    if draw.random() < 0.5:
        fields["user_id"] = SLOTS["int"](draw)
    return json.dumps(fields)


def _logfmt(message: str, draw: random.Random) -> str:
    text = message.replace("\\", "\\\\").replace('"', '\\"')
    fields = [f"ts={SLOTS['iso'](draw)}", f"caller=main.go:{draw.randrange(30, 900)}", "level=info"]
    fields.append(f'msg="{text}"')
    if draw.random() < 0.6:
        fields.append(f"duration={SLOTS['go_duration'](draw)}")
    if draw.random() < 0.3:
        fields.append(f"org_id={draw.randrange(1, 90)}")
    return " ".join(fields)


_WRITTEN: Mapping[str, Callable[[str, random.Random], str]] = {
    "java_service": _with_trace,
    "zap_json": _zap,
    "slog_json": _slog,
    "logfmt": _logfmt,
}
"""How lines of a system are made of messages; as they are where it is not named."""


def _label(statement: str) -> str:
    message = _MESSAGE.search(statement)
    statement = message.group(1).replace("\\", "") if message else statement
    for name in slot_names(statement):
        statement = statement.replace("{" + name + "}", MASK)
    return statement


def _filled(statement: str, draw: random.Random) -> str:
    for name in slot_names(statement):
        while "{" + name + "}" in statement:
            statement = statement.replace("{" + name + "}", SLOTS[name](draw), 1)
    return statement


def system_lines(name: str, seed: int, count: int = LINES) -> list[LabelledLine]:
    """Return so many lines of a system, by a draw that depends on its name and the seed."""
    draw = random.Random(f"{name} {seed}")
    statements = list(STATEMENTS[name])
    draw.shuffle(statements)
    weights = [1 / (rank + 1) ** 1.2 for rank in range(len(statements))]
    written = _WRITTEN.get(name, _plain)
    return [
        LabelledLine(written(_filled(each, draw), draw), _label(each))
        for each in draw.choices(statements, weights, k=count)
    ]


def systems(seed: int, count: int = LINES) -> dict[str, list[LabelledLine]]:
    """Return the lines of all systems, by name."""
    return {name: system_lines(name, seed, count) for name in sorted(STATEMENTS)}


def write(folder: Path, seed: int) -> None:
    """Write a folder for each system."""
    for name, lines in systems(seed).items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        path = folder / name / f"{name}_structured_corrected.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file)
            rows.writerow(("LineId", "Content", "EventTemplate"))
            rows.writerows(
                (number, line.body, line.template) for number, line in enumerate(lines, 1)
            )


def main() -> None:
    """Write them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip().splitlines()[0])
    parser.add_argument("--seed", type=int, default=20261122)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    write(options.out, options.seed)


if __name__ == "__main__":
    main()
