"""Shapes that several resources share, and how instants are written."""

from math import isfinite
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from tracepulse.instants import rfc3339

__all__ = ["Shape", "finite", "instant", "instant_field", "text_instant_field"]


class Shape(BaseModel):
    """
    What an answer looks like.

    Answers are made as plain dictionaries and encoded once, in a worker thread: a large trace has a
    hundred thousand spans. The shapes describe them (/openapi.json), and tests hold them to it.
    """

    model_config = ConfigDict(extra="forbid")


def finite(value: float) -> float | None:
    """Return a number that JSON has; an end that is not known is null."""
    return float(value) if isfinite(value) else None


def instant(name: str, unix_ns: int) -> dict[str, str]:
    """Return an instant both ways: `name_unix_ns`, decimal, and `name_at`, RFC 3339 in UTC."""
    return {f"{name}_unix_ns": str(unix_ns), f"{name}_at": rfc3339(unix_ns)}


def instant_field() -> Any:
    """Describe an instant as a decimal string."""
    return Field(
        description="Nanoseconds since 1970, UTC, as a decimal string: it does not fit a Number.",
        examples=["1763718432000000000"],
        pattern=r"^\d+$",
    )


def text_instant_field() -> Any:
    """Describe an instant as text."""
    return Field(
        description="The same instant, RFC 3339 in UTC with nine digits.",
        examples=["2026-11-21T09:47:12.000000000Z"],
    )
