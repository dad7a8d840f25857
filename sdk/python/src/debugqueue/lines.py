"""Events as lines of JSON on standard error, for programmes that have no server."""

import json
import os
from datetime import datetime, timezone
from typing import Any, Dict, List, Tuple

from debugqueue.levels import SEVERITY_TEXTS
from debugqueue.records import Readable

__all__ = ["line_of", "write_lines"]


def line_of(one: Readable, resource: List[Tuple[str, Any]]) -> str:
    """Return one line, without its end: time, level, tag, what the event says, and where from."""
    event = one.event
    seconds, nanoseconds = divmod(event.time_unix_ns, 10**9)
    at = datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
    line: Dict[str, Any] = {
        "time": f"{at}.{nanoseconds // 1000:06}Z",
        "level": SEVERITY_TEXTS.get(event.severity, "INFO"),
        "tag": one.tag,
        "message": one.body,
        "service": dict(resource).get("service.name", ""),
    }
    if one.trace[0]:
        line["trace_id"], line["span_id"] = f"{one.trace[0]:032x}", f"{one.trace[1]:016x}"
    if one.place[0]:
        line["code"] = f"{one.place[0]}:{one.place[2]} {one.place[1]}"
    line.update((name, value) for name, value in one.attributes.items() if name not in line)
    return json.dumps(line, default=str)


def write_lines(events: List[Readable], resource: List[Tuple[str, Any]]) -> None:
    """Write to the descriptor itself: a lock on `sys.stderr` that a daemon thread holds breaks the exit."""
    text = "".join(line_of(one, resource) + "\n" for one in events)
    data = text.encode("utf-8", "replace")
    while data:
        data = data[os.write(2, data) :]
