"""A server far from Greenwich cuts its parts by the same days as the loader does."""

import os
import subprocess
import sys
from pathlib import Path

from tests.otlp_requests import SECOND, span, traces
from tests.store.segments import load_all, rows

from tracepulse.journal.framing import frame
from tracepulse.journal.segment import Segment
from tracepulse.receive.admission import Receipt
from tracepulse.store.chdb import ChdbEngine
from tracepulse.store.migrate import migrate

_MIDNIGHT = 20_700 * 86_400 * SECOND
_ROOT = Path(__file__).parents[2]


def test_a_day_of_receipt_is_one_of_utc(tmp_path: Path) -> None:
    """24 requests, one for each hour of a day in UTC, are one part wherever the server stands."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.store.test_time_zone", str(tmp_path)],
        env={**os.environ, "TZ": "Pacific/Auckland", "PYTHONPATH": f"{_ROOT}:{_ROOT / 'src'}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "('','2026-09-04') 24 Pacific/Auckland" == done.stdout.strip(), done.stderr


def _load_and_say(folder: Path) -> None:
    engine = ChdbEngine(folder / "engine")
    migrate(engine)
    path = folder / "day.traces.sealed"
    with open(path, "wb") as file:
        for hour in range(24):
            at = _MIDNIGHT + hour * 3600 * SECOND
            request = traces(span(span_id=hour + 1, start=at)).SerializeToString()
            file.write(frame(request, Receipt(at, "otlp_http", "loopback")))
    load_all(engine, Segment("day", "traces", path))
    (part,) = rows(
        engine,
        "SELECT partition, rows, timezone() AS zone FROM system.parts"
        " WHERE active AND table = 'otel_traces'",
    )
    sys.stdout.write(f"{part['partition']} {part['rows']} {part['zone']}\n")
    engine.close()


if __name__ == "__main__":
    _load_and_say(Path(sys.argv[1]))
