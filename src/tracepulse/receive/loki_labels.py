"""Labels of a Loki stream as its protobuf writes them: `{app="shop", env="live"}`."""

import re
from collections.abc import Iterator

__all__ = ["LabelsError", "parsed_labels"]

_LABEL = re.compile(
    r'\s*([A-Za-z_][\w.:/-]*|"(?:[^"\\\n]|\\.)+")\s*=\s*("(?:[^"\\\n]|\\.)*"|`[^`]*`)\s*(,|$)'
)
_ESCAPE = re.compile(
    r"\\(?:([abfnrtv\\'\"])|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3}))"
)
_PLAIN = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


class LabelsError(ValueError):
    """A stream's labels cannot be read; the text says where."""


def parsed_labels(text: str) -> Iterator[tuple[str, str]]:
    """
    Yield names and values.

    Raises:
        LabelsError: it is not a list of labels in braces.
    """
    inner = text.strip()
    if not (inner.startswith("{") and inner.endswith("}")):
        raise LabelsError(f'{text[:80]!r}: need {{name="value", …}}')
    inner = inner[1:-1].rstrip()
    at = 0
    while at < len(inner):
        match = _LABEL.match(inner, at)
        if match is None:
            raise LabelsError(f'{text[:80]!r}: need name="value" at character {at + 1}')
        yield _unquoted(match[1]), _unquoted(match[2])
        at = match.end()


def _unquoted(text: str) -> str:
    if text[0] == "`":
        return text[1:-1]
    if text[0] != '"':
        return text
    text = text[1:-1]
    return _ESCAPE.sub(_unescaped, text) if "\\" in text else text


def _unescaped(match: re.Match[str]) -> str:
    if match[1]:
        return _PLAIN.get(match[1], match[1])
    if match[5]:
        return chr(int(match[5], 8) % 256)
    code = int(match[2] or match[3] or match[4], 16)
    return chr(code) if code < 0x110000 and not 0xD800 <= code < 0xE000 else "�"
