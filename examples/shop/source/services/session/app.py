"""Logins: who is who, and for how long."""

from flask import Flask, jsonify, request
from flask.typing import ResponseReturnValue

from ..runtime.logs import log, set_up_logs
from .accounts import password_fits
from .store import ExpiredSessionError, SessionStore, UnknownSessionError

app = Flask("session")
set_up_logs(app)
store = SessionStore()


@app.post("/sessions")
def open_session() -> ResponseReturnValue:
    """Log a customer in."""
    body = request.get_json()
    user = str(body["user"])
    if not password_fits(user, str(body["password"])):
        log.warning("wrong password for %s", user)
        return jsonify(error="wrong user or password"), 401
    session_id = store.open(user)
    log.info("session %s opened for %s", session_id, user)
    return jsonify(session=session_id), 201


@app.get("/sessions/<session_id>")
def check_session(session_id: str) -> ResponseReturnValue:
    """Say whose session this is."""
    try:
        session = store.get(session_id)
    except ExpiredSessionError:
        return jsonify(error="expired"), 401
    except UnknownSessionError:
        log.info("session %s unknown", session_id)
        return jsonify(error="unknown"), 401
    log.info("session %s valid, age %d s", session_id, session.age_s)
    return jsonify(user=session.user, age_s=session.age_s)


@app.delete("/sessions/<session_id>")
def close_session(session_id: str) -> ResponseReturnValue:
    """Log a customer out."""
    store.close(session_id)
    log.info("session %s closed", session_id)
    return "", 204
