"""
A log line's shape, as the engine works it out: the line with what varies masked.

There are two. `shape_sql` is what bursts of warnings are told apart by, in `log_bins`;
`pattern_shape_sql` is finer and what templates are mined from, in `otel_logs` and `log_shapes`.
"""

from tracepulse.model import log_shape
from tracepulse.store.settings import literal

__all__ = ["SHAPE_FROM_WARN", "pattern_shape_sql", "shape_sql"]

_VARIES = (
    r"""("[^"]*"|\'[^\']*\'|[0-9A-Za-z_.:/@+-]*[0-9][0-9A-Za-z_.:/@+-]*)"""  # quoted; has a digit
)
_FIRST_LINE = r"substringUTF8(extract(Body, '^[^\r\n]*'), 1, 300)"


def shape_sql() -> str:
    """Return the expression for the shape of the column Body."""
    return f"replaceRegexpAll({_FIRST_LINE}, '{_VARIES}', '<*>')"


SHAPE_FROM_WARN = f"if(SeverityNumber >= 13, {shape_sql()}, '')"
"""The shape of lines at WARN and above, '' for the rest, which are only counted."""


def pattern_shape_sql() -> str:
    """Return the expression for what `tracepulse.model.log_shape.shape_of` makes of Body."""
    first = f"extract(Body, {literal(log_shape.FIRST_LINE)})"
    json_message = f"extract({first}, {literal(log_shape.JSON_MESSAGE)})"
    json_keys = f"replaceRegexpAll({first}, {literal(log_shape.JSON_VALUE)}, {_KEPT_AND_MASKED})"
    logfmt_message = f"extract({first}, {literal(log_shape.LOGFMT_MESSAGE)})"
    line = (
        f"multiIf(startsWith({first}, '{{'),"
        f" if({json_message} != '', {json_message}, {json_keys}),"
        f" startsWith({first}, {literal(log_shape.TRACEBACK)}),"
        f" extract(Body, {literal(log_shape.LAST_LINE)}),"
        f" match({first}, {literal(log_shape.LOGFMT)}) AND {logfmt_message} != '',"
        f" {logfmt_message}, {first})"
    )
    frames = "".join(
        f"match(Body, {literal(pattern)}), {literal(shape)}, "
        for pattern, shape in log_shape.FRAME_SHAPES
    )
    cut = f"substringUTF8({line}, 1, {log_shape.MAX_CHARACTERS})"
    masked = f"replaceRegexpAll({cut}, {literal(log_shape.VALUES)}, {_KEPT_AND_MASKED})"
    return f"multiIf({frames}{masked})"


_KEPT_AND_MASKED = literal(rf"\1{log_shape.MASK}")
