"""A log line's shape, as the engine works it out: the line with what varies masked."""

__all__ = ["SHAPE_FROM_WARN", "shape_sql"]

_VARIES = (
    r"""("[^"]*"|\'[^\']*\'|[0-9A-Za-z_.:/@+-]*[0-9][0-9A-Za-z_.:/@+-]*)"""  # quoted; has a digit
)
_FIRST_LINE = r"substringUTF8(extract(Body, '^[^\r\n]*'), 1, 300)"


def shape_sql() -> str:
    """Return the expression for the shape of the column Body."""
    return f"replaceRegexpAll({_FIRST_LINE}, '{_VARIES}', '<*>')"


SHAPE_FROM_WARN = f"if(SeverityNumber >= 13, {shape_sql()}, '')"
"""The shape of lines at WARN and above, '' for the rest, which are only counted."""
