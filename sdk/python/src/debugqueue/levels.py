"""How bad an event is: the words of every SDK, and OpenTelemetry's severity numbers."""

from typing import Dict

__all__ = ["SEVERITY_TEXTS", "of_level", "of_logging_level"]

_SEVERITIES: Dict[object, int] = {
    "trace": 1, "debug": 5, "info": 9, "success": 9, "warning": 13, "warn": 13,
    "error": 17, "exception": 17, "critical": 21, "fatal": 21,
}  # fmt: skip

SEVERITY_TEXTS = {1: "TRACE", 5: "DEBUG", 9: "INFO", 13: "WARNING", 17: "ERROR", 21: "FATAL"}


def of_level(level: object) -> int:
    """Return the severity number of a word in any case, or of a number of `logging`; else info's."""
    kind = type(level)
    if kind is str:
        return _SEVERITIES.get(level) or _SEVERITIES.get(level.lower(), 9)  # type: ignore[attr-defined]
    if kind is int:
        return of_logging_level(level)  # type: ignore[arg-type]
    return 9


def of_logging_level(level: int) -> int:
    """Return the severity number of a level of `logging`: 10 is debug, 50 is fatal."""
    if level >= 50:
        return 21
    if level >= 40:
        return 17
    if level >= 30:
        return 13
    if level >= 20:
        return 9
    return 5 if level >= 10 else 1
