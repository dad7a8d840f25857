"""Webhooks that are signed: an HMAC-SHA256 of the body under a secret that both sides know."""

import hashlib
import hmac

__all__ = ["is_signed"]


def is_signed(body: bytes, secret: bytes, given: str) -> bool:
    """
    Tell whether a signature is that of a body.

    Args:
        given: hex digits as the sender wrote them in a header; GitHub's `sha256=` before them is
            taken off.
    """
    made = hmac.new(secret, body, hashlib.sha256).hexdigest()
    shown = given.strip().removeprefix("sha256=").lower()
    return hmac.compare_digest(made.encode(), shown.encode())
