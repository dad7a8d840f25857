"""One log layout for all services, with the id of the request in every line."""

import logging
import secrets
import time
from contextvars import ContextVar

from flask import Flask, Response, g, request

REQUEST_ID_HEADER = "X-Request-ID"

log = logging.getLogger("shop")
request_id: ContextVar[str] = ContextVar("request_id", default="-")


def set_up_logs(app: Flask) -> None:
    """Log to standard error as `time LEVEL service [request] message`."""
    make_record = logging.getLogRecordFactory()

    def with_request_id(*args: object, **kwargs: object) -> logging.LogRecord:
        record = make_record(*args, **kwargs)
        record.request_id = request_id.get()
        return record

    logging.setLogRecordFactory(with_request_id)
    handler = logging.StreamHandler()
    handler.setFormatter(
        logging.Formatter(f"%(asctime)s %(levelname)s {app.name} [%(request_id)s] %(message)s")
    )
    logging.getLogger().addHandler(handler)
    logging.getLogger().setLevel(logging.INFO)
    app.before_request(_begin)
    app.after_request(_end)


def _begin() -> None:
    request_id.set(request.headers.get(REQUEST_ID_HEADER) or f"req-{secrets.token_hex(6)}")
    g.started = time.monotonic()


def _end(response: Response) -> Response:
    length_ms = (time.monotonic() - g.started) * 1000
    log.info("%s %s %d in %d ms", request.method, request.path, response.status_code, length_ms)
    response.headers[REQUEST_ID_HEADER] = request_id.get()
    return response
