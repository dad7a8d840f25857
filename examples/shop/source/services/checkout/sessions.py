"""Ask the session service whose cart this is."""

import time

from ..runtime.logs import log
from ..runtime.upstream import Upstream

RETRIES = 2
RETRY_PAUSE_S = 0.03

session = Upstream("session")


class SessionCheckError(Exception):
    """The session service did not vouch for the customer."""

    def __init__(self, status: int) -> None:
        super().__init__(f"upstream {status}")
        self.status = status


def customer_of(session_id: str) -> str:
    """Return the customer of a session, asking again if the answer is not a good one."""
    for attempt in range(1 + RETRIES):
        if attempt:
            time.sleep(RETRY_PAUSE_S * attempt)
            log.info("session check for %s again, try %d", session_id, attempt + 1)
        answer = session.call("GET", f"/sessions/{session_id}")
        if answer.status_code == 200:
            return str(answer.json()["user"])
    raise SessionCheckError(answer.status_code)
