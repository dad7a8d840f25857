"""
What in a log line is a value and what was written by a person, judged by the line itself.

A shape masks words with digits. Here the rest is found that a reader knows for a value: addresses,
paths, ids, sizes, dates, account names. What only a comparison of lines can tell is left to
`log_templates`.
"""

import re
import zlib
from functools import lru_cache

from tracepulse.model.log_shape import (
    FRAME_SHAPES,
    MASK,
    MAX_CHARACTERS,
    VALUES,
    shape_of,
    telling_text,
)

__all__ = ["DELIMITERS", "VALUE", "tokens", "value_tokens"]

_FRAMES = frozenset(shape for _, shape in FRAME_SHAPES)

VALUE = "\x01"
"""Stands for a value among tokens."""
DELIMITERS = frozenset(" ,;:=|\"'()[]{}<>!")

_VALUES = re.compile(VALUES, re.ASCII)
_NAME = re.compile(r"[A-Za-z_]*[A-Za-z][0-9]{1,2}[A-Za-z_]*\Z")
"""A name that happens to hold a digit: ssh2, HttpServer2, IPv6. Constant while it never changes."""

_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)")
_ESCAPES = {"n": " ", "t": " ", "r": " ", "b": " ", "f": " "}

_STOP = r"\s\"'<>()\[\]{},;|="
_DOMAINS = (
    "com|net|org|edu|gov|mil|int|info|biz|io|dev|app|cloud"
    "|local|internal|lan|localdomain|localhost|[a-z]{2}"
)
_SOURCES = "go|py|js|ts|rs|cc|cs|rb|sh|md|so|kt|hs|ml|mm|vb"
"""Endings of source files that are domains of countries too."""
_DAY = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6}"
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}"
_KINDS = tuple(
    (needle, re.compile(each))
    for needle, each in (
        # request, user agent: whatever is quoted and names a product and its version
        ("/", r'(?<=")[^"]*[A-Za-z]/\d+(?:\.\d+)*\b[^"]*(?=")'),
        # URL
        ("://", rf"\b[A-Za-z][A-Za-z0-9+.-]*://[^{_STOP}]+(?:[?=&][^\s\"'<>()\[\]{{}},;]*)?"),
        # path with a query
        ("?", rf"(?<![\w<>.:/])/[^{_STOP}]*\?[^\s\"'<>()\[\]{{}},;]*"),
        # path of Windows
        (":\\", r"\b[A-Za-z]:\\[^\s\"'<>|,;]*"),
        # mail address
        ("@", r"[\w.+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"),
        # UUID, and other groups of four hexadecimal digits or more
        (
            "-",
            r"(?<![\w-])(?=[A-Fa-f-]*[0-9])[0-9A-Fa-f]{4,}(?:-[0-9A-Fa-f]{4,})+(?![\w-])",
        ),
        # network card, IPv6
        (":", r"\b(?:[0-9A-Fa-f]{1,4}::?){4,}[0-9A-Fa-f]{1,4}\b"),
        # IPv4, with a port, with a host before it
        (
            ".",
            r"(?:[A-Za-z0-9][\w.-]*)?/?\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(?::\d{1,5})?"
            r"(?![\w.]*\w)",
        ),
        # host name, with a port or an address behind it
        (
            ".",
            rf"(?<![\w.$@/-])(?!\w+\.(?:{_SOURCES})\b(?!\.))"
            rf"(?:[A-Za-z0-9][A-Za-z0-9-]*\.)+(?:{_DOMAINS})"
            r"(?::\d{1,5}|/\d+\.\d+\.\d+\.\d+(?::\d{1,5})?)?(?![\w(-]|\.\w)",
        ),
        (":", r"(?<![\w.$@/:-])[A-Za-z][A-Za-z0-9]*(?:-[A-Za-z0-9]+)+:\d{2,5}(?!\w|[:.]\w)"),
        # date in words
        (
            " ",
            rf"\b{_DAY},? (?:\d{{1,2}}[ -])?{_MONTH}[ -]\d{{1,4}}"
            r"(?:[ ,]+\d{1,2}:\d\d(?::\d\d)?(?:\.\d+)?)?(?: [A-Z]{3,4}|[+-]\d{4}| \d{4})*\b",
        ),
        # date, time of day, or both, in digits
        (
            ":",
            rf"(?<![\w.:/-])(?:(?:\d{{4}}-\d\d-\d\d|\d{{4}}/\d\d/\d\d)[T ]|\d\d/{_MONTH}/\d{{4}}[: ])?"
            r"\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z| ?[+-]\d\d:?\d\d| UTC)?(?![\w:-])",
        ),
        ("-", r"(?<![\w./-])\d{4}-\d\d-\d\d(?![\w-])"),
        # path of Unix
        ("/", r"(?<![\w<>./])/(?:[^\s/,;:=|\"'()\[\]{}!]+/?)+"),
        # hexadecimal id
        ("", r"(?<!\w)[0-9a-fA-F]{8,}(?!\w)"),
        # truth and absence
        ("", r"\b(?:true|false|null|nil)\b"),
        ("", r"\b(?:True|False|TRUE|FALSE|NULL|None)\b(?<=[=:(\[,] ....)"),
        ("=None", r"(?<==)None\b"),
        # size for people: its unit changes with it
        ("B", r"(?<![\w.])[+-]?\d[\d.,]*\s?(?:[KMGTP]i?B|B)\b(?!/)"),
        # account that every system has
        ("", r"(?<=for |ser |ser=| by )(?:root|admin)\b"),
        # by the name before it
        (
            "=",
            r"(?i)\b(?:\w*user(?:name)?|login|\w*host(?:name)?|ip|addr(?:ess)?|path|ur[li]|e?mail"
            r"|\w*id|session|token)=([^\s,;=|\"'()\[\]{}<>]+)",
        ),
        ("for user ", r"(?<=\bfor user )[^\s,;=|\"'()\[\]{}<>]+"),
    )
)
"""A text without which there is none of the kind, and the kind; group 1, if any, is the value."""
_SIGN = re.compile(rf"(?<![\w{VALUE}])[+-](?={VALUE})")
_PART = re.compile(r"[^\s,;:=|\"'()\[\]{}<>!.+@#$%&*-]+")
_DOTTED = re.compile(rf"{VALUE}(?:\.{VALUE})+")
_KEY = re.compile(rf"(?<!\S)[A-Za-z_-]+(?::[A-Za-z_-]+)+:{VALUE}(?!\S)")
_BREAK = r"\s,;:=|\"'()\[\]{}<>!"
_TOKEN = re.compile(rf"\s+|[,;:=|\"'()\[\]{{}}<>!]|\.{{2,}}|[^{_BREAK}]+?(?=\.{{2,}}|[{_BREAK}]|$)")


def tokens(text: str) -> tuple[str, ...]:
    """Return words, which may hold `VALUE`s, and single delimiters; every run of blanks is one."""
    return tuple(_TOKEN.findall(" ".join(text.split())))


@lru_cache(maxsize=1 << 15)
def value_tokens(examples: tuple[str, ...]) -> tuple[str, ...]:
    """
    Return the tokens of lines of one shape, with `VALUE` for what is a value in them.

    Args:
        examples: bodies of that shape, some of the distinct ones, in any order.
    """
    body = min(examples, key=lambda each: (zlib.crc32(each.encode("utf-8", "replace")), each))
    if body[:1] in (" ", "\t"):
        shape = shape_of(body)
        if shape in _FRAMES:
            return tokens(shape.replace(MASK, VALUE))
    line = _readable(body)
    if len(line) == MAX_CHARACTERS and " " in line:
        line = line[: line.rindex(" ")]  # a word cut in two is none
    spans = _known_kinds(line)
    others: list[list[str]] = []
    for n, found in enumerate(_VALUES.finditer(line)):
        begin, end = found.span()
        if any(a <= begin and end <= b for a, b in spans):
            continue
        if _NAME.match(found.group()):
            others = others or [_masked(each) for each in examples]
            if len({each[n] for each in others if len(each) > n}) == 1:
                continue
        for each in [each for each in spans if each[0] < end and begin < each[1]]:
            spans.remove(each)
            begin, end = min(begin, each[0]), max(end, each[1])
        spans.append((begin, end))
    text = _without(line, spans).replace(MASK, VALUE)
    text = _PART.sub(_value_or_word, _SIGN.sub("", text))
    return tokens(_KEY.sub(VALUE, _DOTTED.sub(VALUE, text)))


def _value_or_word(found: re.Match[str]) -> str:
    part = found.group()
    return VALUE if VALUE in part else part


def _masked(body: str) -> list[str]:
    """Return what a shape masks, in order."""
    return [found.group() for found in _VALUES.finditer(_readable(body))]


def _readable(body: str) -> str:
    """Return the telling text without the escapes of JSON and logfmt."""
    line = telling_text(body)
    if "\\" in line and line not in body[: len(line)]:
        line = _ESCAPE.sub(_unescaped, line)
    return line.replace(VALUE, "?")


def _unescaped(found: re.Match[str]) -> str:
    escape = found.group(1)
    if len(escape) == 5:
        letter = chr(int(escape[1:], 16))
        return letter if letter.isprintable() else "?"
    return _ESCAPES.get(escape, escape)


def _known_kinds(line: str) -> list[tuple[int, int]]:
    """Return where values of known kinds begin and end; none overlaps another."""
    spans: list[tuple[int, int]] = []
    for needle, kind in _KINDS:
        if needle not in line:
            continue
        for found in kind.finditer(line):
            begin, end = found.span(kind.groups)
            if line[end - 1] == ".":
                end -= 1
            if begin < end and not any(begin < b and a < end for a, b in spans):
                spans.append((begin, end))
    return spans


def _without(line: str, spans: list[tuple[int, int]]) -> str:
    parts: list[str] = []
    at = 0
    for begin, end in sorted(spans):
        parts += (line[at:begin], VALUE)
        at = end
    return "".join([*parts, line[at:]])
