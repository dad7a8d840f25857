"""Make tables as they were before shapes were kept, migrate them, and print what is told of them."""

import json
import sys
from pathlib import Path

from tracepulse.log_patterns import log_patterns
from tracepulse.model.question import Window
from tracepulse.store.chdb import ChdbEngine
from tracepulse.store.migrate import migrate
from tracepulse.store.queries.telemetry import Telemetry

_NAME = "0004_log_shapes.sql"
_WINDOW = Window(1, 9_000_000_000_000_000_000)


def _forget(engine: ChdbEngine) -> None:
    engine.execute(
        f"ALTER TABLE tracepulse_migrations DELETE WHERE Name = '{_NAME}' SETTINGS mutations_sync = 2"
    )


def _bins(engine: ChdbEngine) -> list[list[object]]:
    found = engine.query("SELECT Shape, sum(Lines) AS n FROM log_bins GROUP BY Shape")
    return [[row["Shape"], row["n"]] for row in found.to_pylist()]


def main() -> None:
    """Print what lists and bins hold after the migration, and after it was done twice."""
    engine = ChdbEngine(Path(sys.argv[1]))
    migrate(engine)
    engine.execute("ALTER TABLE otel_logs DROP COLUMN ShapeId SETTINGS mutations_sync = 2")
    engine.execute("DROP TABLE log_shapes")
    _forget(engine)
    engine.execute(
        "INSERT INTO otel_logs (Timestamp, ServiceName, SeverityNumber, Body, ReceivedAt, Trust)"
        " SELECT now64(9), 'shop', 17, 'order ' || toString(number) || ' lost', now64(9),"
        " 'server_key' FROM numbers(5)"
    )
    assert (_NAME,) == migrate(engine)
    told = {
        "patterns": [
            [each.lines, each.template_id, each.text]
            for each in log_patterns(Telemetry(engine), _WINDOW)
        ],
        "bins": _bins(engine),
    }
    _forget(engine)
    migrate(engine)
    sys.stdout.write(json.dumps({**told, "again": _bins(engine)}))
    engine.close()


if __name__ == "__main__":
    main()
