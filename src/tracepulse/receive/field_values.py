"""Message, level, trace and time of a record, picked out of its fields by their plan."""

from typing import Any

from tracepulse.receive.any_value import compact_json
from tracepulse.receive.field_plans import FieldPlan
from tracepulse.receive.log_fields import span_id, trace_id
from tracepulse.receive.log_times import number_unix_ns, rfc3339_unix_ns
from tracepulse.receive.severities import severity_of_number, severity_of_word

__all__ = ["body_of", "instant_unix_ns", "level_of", "time_of", "trace_of"]

_SEVERITY_NAMES = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")


def instant_unix_ns(value: Any) -> int | None:
    """Return the instant that a field of an object holds, as RFC 3339 or as a number since 1970."""
    if isinstance(value, str):
        if value[4:5] == "-":
            return rfc3339_unix_ns(value)
        return _number_in(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return number_unix_ns(value)
    return None


def _number_in(text: str) -> int | None:
    """Return the instant of a number written as text, to its last digit."""
    whole, _, fraction = text.strip().partition(".")
    if not (whole.isascii() and whole.isdigit() and len(whole) <= 19):
        return None
    if fraction and not (fraction.isascii() and fraction.isdigit()):
        return None
    if len(whole) <= 10:
        return number_unix_ns(int(whole) * 10**9 + int(fraction[:9].ljust(9, "0")))
    if fraction and len(whole) == 13:  # milliseconds, and the rest as their fraction
        return number_unix_ns(int(whole) * 10**6 + int(fraction[:6].ljust(6, "0")))
    return number_unix_ns(int(whole))


def body_of(plan: FieldPlan, fields: dict[str, Any], whole: str) -> str:
    """Return the message; of a record without one `whole`, or the fields as JSON."""
    message = fields[plan.message] if plan.message else None
    if type(message) is str:
        return message.rstrip("\r\n")
    if message is not None:
        return compact_json(message)
    return whole or compact_json(fields)


def level_of(
    plan: FieldPlan, fields: dict[str, Any], left: list[tuple[str, Any]], number: int, text: str
) -> tuple[int, str]:
    """Return the level: what is known already, or that of the fields."""
    if not plan.level:
        return number, text
    value = fields[plan.level]
    found, word = _level(value)
    if number:
        if found != number:
            left.append((plan.level, value))
        return number, text
    if not (found or word):
        left.append((plan.level, value))
    return found, word


def _level(value: Any) -> tuple[int, str]:
    if type(value) is str:
        number = severity_of_word(value)
        if number or not value.strip().isdecimal():
            return number, value.strip()
        value = int(value) if len(value) < 4 else None
    if type(value) is int:
        number = severity_of_number(value)
        return number, _SEVERITY_NAMES[(number - 1) // 4] if number else ""
    return 0, ""


def trace_of(
    plan: FieldPlan, fields: dict[str, Any], left: list[tuple[str, Any]], trace: bytes, span: bytes
) -> tuple[bytes, bytes]:
    """Return trace and span: what is known already, or those of the fields."""
    if plan.trace:
        value = fields[plan.trace]
        if trace:
            if value != trace.hex():
                left.append((plan.trace, value))
        else:
            trace = trace_id(value)
            if not trace:
                left.append((plan.trace, value))
    if plan.traceparent and not trace:
        value = fields[plan.traceparent]
        parts = value.split("-") if isinstance(value, str) else []
        if len(parts) == 4:
            trace = trace_id(parts[1])
            span = span_id(parts[2]) if trace else b""
    if plan.span:
        value = fields[plan.span]
        if span:
            if value != span.hex():
                left.append((plan.span, value))
        else:
            span = span_id(value) if trace else b""
            if not span:
                left.append((plan.span, value))
    return trace, span


def time_of(
    plan: FieldPlan, fields: dict[str, Any], left: list[tuple[str, Any]], time_unix_ns: int
) -> int:
    """Return the time: what is known already, or that of the fields, which may be finer."""
    value = fields[plan.time]
    found = instant_unix_ns(value) or 0
    if not time_unix_ns and found:
        return found
    if found // 10**6 != time_unix_ns // 10**6:
        left.append((plan.time, value))
        return time_unix_ns
    return time_unix_ns if time_unix_ns % 10**6 else found
