"""
What lines of one kind have in common: a log record's *shape*, its telling line with numbers masked.

The same is written three times: here, slowly and plainly; as an expression for the engine
(`store/shapes.py`); and compiled, for loading (`store/load/pattern_shapes.py`). A test holds them
together. A shape depends on its line alone, so it is the same in any order and after a restart.
"""

import re

__all__ = [
    "FIRST_LINE",
    "FRAME_SHAPES",
    "JSON_MESSAGE",
    "JSON_VALUE",
    "LAST_LINE",
    "LOGFMT",
    "LOGFMT_MESSAGE",
    "MASK",
    "MAX_CHARACTERS",
    "MESSAGE_KEYS",
    "TRACEBACK",
    "VALUES",
    "shape_of",
    "telling_text",
]

MASK = "<*>"
MAX_CHARACTERS = 1_000
"""How much of a line counts."""
MESSAGE_KEYS = ("message", "msg", "log", "event", "text", "body")
"""Fields of a JSON body that hold what a person wrote."""

_W = "0-9A-Za-z_"
VALUES = "|".join(
    (
        # Five or more groups of hexadecimal digits: addresses of network cards, IPv6.
        r"\b(?:[0-9A-Fa-f]{1,4}::?){4,}[0-9A-Fa-f]{1,4}\b",
        # An absolute path of two parts or more.
        rf"\B(?:/[{_W}.+@%~$-]+){{2,}}/?",
        # A name that ends in one or two digits keeps its letters (ssh2, node12), unless it may be
        # hexadecimal.
        r"([A-Za-z_]+[G-Zg-z_][A-Za-z_]*|[G-Zg-z_][A-Za-z_]+)[0-9]{1,2}\b",
        # A word that ends in a negative number, and any word with a digit.
        rf"[{_W}]*_-[0-9][{_W}]*",
        rf"[{_W}]*[0-9][{_W}]*",
    )
)
"""What a shape masks, as an expression that Python and RE2 read alike; group 1 is kept."""
FRAME_SHAPES = ((r"^[ \t]+at [^ \t\r\n]", "at <*>"), (r'^[ \t]+File "', "File <*>"))
"""Lines of a stack trace that were sent as records of their own: folded into one shape."""

FIRST_LINE = r"[^\r\n]+"
LAST_LINE = r"([^\r\n]+)[\r\n]*$"
TRACEBACK = "Traceback (most recent call last)"
JSON_MESSAGE = rf'"(?:{"|".join(MESSAGE_KEYS)})" *: *"((?:[^"\\\r\n]|\\[^\r\n])+)"'
JSON_VALUE = r'(: *)(?:"(?:[^"\\\r\n]|\\[^\r\n])*"|[^",{}\[\] \r\n]+)'
LOGFMT = r"^[A-Za-z_][0-9A-Za-z_.-]*="
LOGFMT_MESSAGE = r'(?:^| )(?:msg|message)="((?:[^"\\\r\n]|\\[^\r\n])+)"'

_VALUES = re.compile(VALUES, re.ASCII)
_FRAMES = tuple((re.compile(pattern), shape) for pattern, shape in FRAME_SHAPES)
_FIRST_LINE = re.compile(FIRST_LINE)
_LAST_LINE = re.compile(LAST_LINE.replace("$", r"\Z"))
_JSON_MESSAGE = re.compile(JSON_MESSAGE)
_JSON_VALUE = re.compile(JSON_VALUE)
_LOGFMT = re.compile(LOGFMT)
_LOGFMT_MESSAGE = re.compile(LOGFMT_MESSAGE)


def telling_text(body: str) -> str:
    """
    Return the part of a body that says what happened, at most `MAX_CHARACTERS` of it.

    That is the message of a JSON object or a logfmt line, the last line of a Python traceback, and
    else the first line that is not empty. A JSON object without a message keeps its keys.
    """
    found = _FIRST_LINE.search(body)
    if found is None:
        return ""
    line = found.group()
    if line.startswith("{"):
        message = _JSON_MESSAGE.search(line)
        line = message.group(1) if message else _JSON_VALUE.sub(rf"\1{MASK}", line)
    elif line.startswith(TRACEBACK):
        last = _LAST_LINE.search(body)
        line = last.group(1) if last else line
    elif _LOGFMT.match(line):
        message = _LOGFMT_MESSAGE.search(line)
        line = message.group(1) if message else line
    return line[:MAX_CHARACTERS]


def shape_of(body: str) -> str:
    """Return the shape of a body; '' where it holds no text."""
    for pattern, shape in _FRAMES:
        if pattern.match(body):
            return shape
    return _VALUES.sub(lambda found: (found.group(1) or "") + MASK, telling_text(body))
