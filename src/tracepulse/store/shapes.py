"""A log line's shape, as the engine works it out: the line with what varies masked."""

from tracepulse.model import log_shape
from tracepulse.store.settings import literal

__all__ = ["SHAPE_FROM_WARN", "pattern_shape_sql"]


def pattern_shape_sql(body: str = "Body") -> str:
    """Return the expression for what `tracepulse.model.log_shape.shape_of` makes of a body."""
    first = f"extract({body}, {literal(log_shape.FIRST_LINE)})"
    json_message = f"extract({first}, {literal(log_shape.JSON_MESSAGE)})"
    json_keys = f"replaceRegexpAll({first}, {literal(log_shape.JSON_VALUE)}, {_KEPT_AND_MASKED})"
    logfmt_message = f"extract({first}, {literal(log_shape.LOGFMT_MESSAGE)})"
    line = (
        f"multiIf(startsWith({first}, '{{'),"
        f" if({json_message} != '', {json_message}, {json_keys}),"
        f" startsWith({first}, {literal(log_shape.TRACEBACK)}),"
        f" extract({body}, {literal(log_shape.LAST_LINE)}),"
        f" match({first}, {literal(log_shape.LOGFMT)}) AND {logfmt_message} != '',"
        f" {logfmt_message}, {first})"
    )
    frames = "".join(
        f"match({body}, {literal(pattern)}), {literal(shape)}, "
        for pattern, shape in log_shape.FRAME_SHAPES
    )
    cut = f"substringUTF8({line}, 1, {log_shape.MAX_CHARACTERS})"
    masked = f"replaceRegexpAll({cut}, {literal(log_shape.VALUES)}, {_KEPT_AND_MASKED})"
    return f"multiIf({frames}{masked})"


_KEPT_AND_MASKED = literal(rf"\1{log_shape.MASK}")

SHAPE_FROM_WARN = f"if(SeverityNumber >= 13, {pattern_shape_sql()}, '')"
"""The shape of lines at WARN and above, '' for the rest, which are only counted."""
