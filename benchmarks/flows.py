"""
How many of the true edges the flow graph has, and how many that are not true.

    python benchmarks/flows.py [--quick] [--data DIR] [--seed 7] [--json]

Each part writes telemetry into an empty store, as it would come from outside, and asks for the graph:

  spans              recorded traces (--data) against the call graph recorded beside them, and made-up
                     systems (benchmarks/generator/call_systems.py)
  access_logs        Istio's default access logs, written of recorded and of made-up calls by
                     benchmarks/generator/istio_lines.py, with the sidecar's pod as their only resource
  plain_logs         log lines without traces, spans and request ids
  half_instrumented  systems where some services send no spans

Each has `precision` and `recall`: the mean over its systems, and `worst_decile` of both. The last line is
one JSON object.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

if __package__ in {None, ""}:
    sys.path[:0] = [str(Path(__file__).resolve().parents[1] / part) for part in ("", "src")]

from benchmarks.flows_plain_logs import plain_logs

Part = Callable[[bool, Path | None, int], dict[str, Any]]
PARTS: dict[str, Part] = {"plain_logs": plain_logs}


def data_folder(asked: str | None) -> Path | None:
    """Return the folder with recorded data: as asked, as tests find it, or None."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    found = Path(asked or os.environ.get("TRACEPULSE_DATA") or beside)
    return found if found.is_dir() else None


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Run the parts and print what they found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument(
        "--quick", action="store_true", help="fewer systems, a part of the recordings"
    )
    parser.add_argument("--data", help="folder with recorded data")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--only", choices=sorted(PARTS), action="append", help="these parts alone")
    parser.add_argument("--json", action="store_true", help="print nothing but the JSON object")
    chosen = parser.parse_args(arguments)
    data = data_folder(chosen.data)
    found: dict[str, Any] = {}
    for name, part in PARTS.items():
        if chosen.only and name not in chosen.only:
            continue
        found[name] = part(chosen.quick, data, chosen.seed)
        if not chosen.json:
            print(f"{name}: {json.dumps(found[name], indent=2)}")
    print(json.dumps(found))
    return found


if __name__ == "__main__":
    main()
