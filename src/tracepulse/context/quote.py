"""
Text written by others, made safe to show: quoted data is never read as ours.

Three ways out, and no other: a short name in backticks (`inert_name`), a quoted text (`quoted_text`),
and a fence around quoted texts (`fenced`).
"""

import hashlib
import re
import unicodedata

__all__ = ["fenced", "inert_name", "looks_like_instructions", "quoted_text"]

MAX_NAME_CHARS = 96
NAME = re.compile(r"[A-Za-z0-9_./:{}<>*@+#$~()\[\]=?&,%-]+")
ROUTE_PART = re.compile(r"(?<=/)<(?:[a-z]{1,16}:)?\w{1,40}>|<\*>")
CALLS = frozenset(
    "GET HEAD POST PUT PATCH DELETE OPTIONS TRACE CONNECT SELECT INSERT UPDATE MERGE CREATE ALTER"
    " DROP BEGIN COMMIT ROLLBACK PRAGMA EXEC CALL publish send receive process settle create deliver"
    " poll HTTP connect".split()
)
"""First words that instrumentation puts before a route, a table or a topic."""
SUFFIXES = frozenset({"http", "send", "receive", "websocket", "publish", "process"})
URL = re.compile(r"(?i)\b(https?|ftp|file|data|javascript|vbscript)\s{0,2}:(?=\S)")
INSTRUCTIONS = re.compile(
    r"(?i)\b(?:ignore|disregard|forget)\b.{0,40}\b(?:previous|above|all|prior|instructions?)\b"
    r"|\b(?:system|assistant|developer|user)\s{0,3}(?:prompt|:)"
    r"|\b(?:resolution|remediation|fix|next) steps?\b"
    r"|\b(?:run|execute|invoke|call|type|paste|install|curl|wget)\b.{0,30}"
    r"(?:`|\bcommand|\bthe following|\bscript|\bshell|\|\s*(?:ba)?sh\b|\btool\b|https?)"
    r"|\byou (?:are|must|should|need to)\b|<\|?[a-z_]{2,20}\|?>|\bAI (?:agent|assistant)\b"
)


def inert_name(name: str) -> str:
    """
    Return a name (service, operation, version, path) fit to stand in a sentence of ours.

    Names that look like what instrumentation writes pass as they are. Anything else, prose above
    all, is replaced by `name#` and a hash; whoever shows it quotes the text elsewhere.
    """
    words = name.split(" ")
    # Angle brackets stand in routes (`/products/<int:id>`) and nowhere else.
    bare = ROUTE_PART.sub("", name)
    plain = all(NAME.fullmatch(word) for word in words) and len(name) <= MAX_NAME_CHARS
    plain = plain and "<" not in bare and ">" not in bare
    if plain and "://" not in name and "](" not in name:
        rest = words[:]
        while len(rest) > 1 and rest[-1] in SUFFIXES:
            rest.pop()
        if len(rest) == 1 or (len(rest) == 2 and rest[0] in CALLS):
            return name
    return "name#" + hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()[:6]


def quoted_text(text: str, max_chars: int) -> tuple[str, int]:
    """
    Return the text as inert data, and how many characters were cut.

    Line breaks stay. Control, bidirectional, zero-width, tag and other invisible characters become
    visible escapes; addresses are broken so that nothing follows them.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    cut = max(0, len(text) - max_chars)
    shown = "".join(_visible(character) for character in text[:max_chars])
    return URL.sub(lambda match: f"{match.group(1)}[:]", shown), cut


def _visible(character: str) -> str:
    if character == "\n":
        return "\n"
    if character == "\t":
        return "    "
    code = ord(character)
    if " " <= character <= "~":
        return character
    hidden = (
        unicodedata.category(character) in {"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"}
        or 0xFE00 <= code <= 0xFE0F
        or 0xE0100 <= code <= 0xE01EF
        or code in {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0}
    )
    return f"\\u{{{code:x}}}" if hidden else character


def looks_like_instructions(text: str) -> bool:
    """Tell whether a text reads like orders to a reader; a hint to show, never a reason to trust."""
    return INSTRUCTIONS.search(text[:20_000]) is not None


def fenced(text: str, language: str = "text") -> str:
    """Return a Markdown fence that the text cannot close."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"
