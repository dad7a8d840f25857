"""What all groups of customers met, as one record; for a checker's eyes only."""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def read_records(paths: Iterable[Path]) -> dict[str, Any]:
    """Return the records of all groups added up; the keys are those of `load.Truth.write()`."""
    records: list[dict[str, Any]] = [json.loads(path.read_text()) for path in paths]
    if len(records) < 2:
        return records[0] if records else {}
    totals: Counter[str] = Counter()
    statuses: dict[str, Counter[str]] = {}
    seconds: dict[int, Counter[str]] = {}
    for record in records:
        totals.update(record["totals"])
        for route, counts in record["statuses"].items():
            statuses.setdefault(route, Counter()).update(counts)
        for second in record["seconds"]:
            counts = {key: value for key, value in second.items() if key != "unix_s"}
            seconds.setdefault(second["unix_s"], Counter()).update(counts)
    failed = (at for record in records for at in record["failed_checkouts_unix_ns"])
    return {
        "started_unix_ns": min(record["started_unix_ns"] for record in records),
        "written_unix_ns": max(record["written_unix_ns"] for record in records),
        "totals": dict(totals),
        "statuses": {route: dict(statuses[route]) for route in sorted(statuses)},
        "failed_checkouts_unix_ns": sorted(failed),
        "seconds": [{"unix_s": at, **seconds[at]} for at in sorted(seconds)],
    }
