"""Columns of the tables that the loops read and write, and the limits that they keep."""

__all__ = [
    "AFTER_END",
    "AFTER_START",
    "BEFORE_END",
    "BEFORE_START",
    "DONE",
    "END",
    "GROUP",
    "HASH",
    "IDS",
    "ITEM_COLUMNS",
    "KEPT_END",
    "KEPT_IDS",
    "KEPT_START",
    "KEYS_BYTES",
    "KNOWN",
    "KNOWN_COLUMNS",
    "K_LAYOUT",
    "K_LAYOUTS",
    "K_LOGFMT",
    "K_NUMBER",
    "K_SERVICE",
    "K_SPACE",
    "K_TEXT",
    "K_TEXT_END",
    "LAYOUT_COLUMNS",
    "LINE",
    "LINE_ROOM",
    "L_KIND",
    "L_LATE",
    "L_WORDS",
    "MAX_DEPTH",
    "MAX_GROUPS",
    "MAX_HEADER",
    "MAX_ORIGINAL",
    "MAX_TOKENS",
    "OUT_END",
    "OUT_START",
    "PAIRS",
    "READ_LATER",
    "ROW_COLUMNS",
    "R_AT",
    "R_ATTRIBUTES",
    "R_BYTES",
    "R_GOOD",
    "R_HASH",
    "R_LATER",
    "R_LEVEL",
    "R_MESSAGE",
    "R_PLACES",
    "R_PLACES_AT",
    "R_PLAN",
    "R_SERVICE",
    "R_SIZE",
    "R_SPAN",
    "R_STAMP",
    "R_TEXT",
    "R_TIME",
    "R_TRACE",
    "SCRATCH_BYTES",
    "START",
    "STATE_COLUMNS",
    "STATUS",
    "S_BODY",
    "S_BODY_END",
    "S_BODY_KIND",
    "S_BODY_SIZE",
    "S_LEFT",
    "S_LEFTOVER",
    "S_NUMBER",
    "S_OBSERVED",
    "S_SPAN",
    "S_TIME",
    "S_TRACE",
    "S_WORD",
    "S_WORD_END",
    "TIME",
    "T_FROM",
    "T_KIND",
    "T_NUMBER",
    "T_SIZE",
    "T_TO",
    "UNDECIDED",
    "UNKNOWN_KEYS",
    "V_DECIMAL",
    "V_ESCAPED",
    "V_FALSE",
    "V_INTEGER",
    "V_LIST",
    "V_NULL",
    "V_PAIRED",
    "V_TEXT",
    "V_TRUE",
]

# What became of an item.
UNDECIDED, DONE, UNKNOWN_KEYS, READ_LATER = 0, 1, 2, 3
# Columns of an item. Places are offsets into the input, but OUT_… into the output.
START, END, KNOWN, TIME, IDS = 0, 1, 2, 3, 4
"""The text; its row of what is known; ns since 1970 or 0; 16 bytes of trace and 8 of span, or -1."""
BEFORE_START, BEFORE_END, AFTER_START, AFTER_END = 5, 6, 7, 8
"""Attributes as bytes, to stand before those of the text and after them."""
STATUS, OUT_START, OUT_END, HASH, GROUP = 9, 10, 11, 12, 13
"""The record; of unknown keys, these as `key_shapes.py` reads them."""
KEPT_START, KEPT_END, KEPT_IDS = 14, 15, 16
"""Of a line to be read later: its attributes and ids in the output."""
ITEM_COLUMNS = 17
# Columns of what is known of an item.
K_NUMBER, K_TEXT, K_TEXT_END, K_SERVICE, K_LAYOUT, K_LAYOUTS, K_LOGFMT, K_SPACE = range(8)
KNOWN_COLUMNS = 8
# Columns of a header's layout.
L_KIND, L_WORDS, L_LATE = range(3)
LAYOUT_COLUMNS = 3
# Namespaces of keys.
LINE, PAIRS = 1, 2
"""Keys of a line of JSON, and of a line of pairs; documents have other numbers."""
# Columns of a set of keys; the leaves of an object are numbered in their order.
R_HASH, R_AT, R_SIZE, R_GOOD, R_ATTRIBUTES, R_PLAN, R_STAMP, R_TEXT, R_BYTES = range(9)
R_MESSAGE, R_PLACES, R_PLACES_AT, R_LATER = 9, 10, 11, 12
R_LEVEL, R_TRACE, R_SPAN, R_TIME, R_SERVICE = 13, 16, 19, 22, 25
"""Leaf, and where the bytes of its key are: offset and length."""
ROW_COLUMNS = 28
MAX_TOKENS = 160
MAX_GROUPS = 4096
LINE_ROOM = 1024
"""Bytes of output that a record takes beside three times its text, its keys and attributes."""
MAX_DEPTH = 6
MAX_HEADER = 400
"""A header that may reach further is left to Python, which looks at 512 characters."""
KEYS_BYTES = 6000
SCRATCH_BYTES = KEYS_BYTES + 128
MAX_ORIGINAL = 4096
# Kinds of values.
V_TEXT, V_ESCAPED, V_PAIRED, V_INTEGER, V_DECIMAL, V_TRUE, V_FALSE, V_NULL, V_LIST = range(1, 10)
# Columns of a token.
T_KIND, T_FROM, T_TO, T_SIZE, T_NUMBER = range(5)
# State of a record in the making.
(S_TIME, S_NUMBER, S_WORD, S_WORD_END, S_BODY, S_BODY_END, S_BODY_SIZE, S_BODY_KIND,
 S_TRACE, S_SPAN, S_LEFT, S_OBSERVED) = range(12)  # fmt: skip
S_LEFTOVER = 12
STATE_COLUMNS = 12 + 3 * 6
