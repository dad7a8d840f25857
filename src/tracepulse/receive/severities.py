"""Severity words and numbers of the common logging systems as OpenTelemetry severity numbers."""

from functools import lru_cache

__all__ = [
    "LEVEL_PATTERN",
    "SEVERITY_WORDS",
    "SYSLOG_SEVERITIES",
    "severity_of_number",
    "severity_of_word",
]

_WORDS = {
    "TRACE": 1,
    "FINEST": 1,
    "VERBOSE": 1,
    "FINER": 2,
    "DEBUG": 5,
    "DBG": 5,
    "FINE": 5,
    "CONFIG": 8,
    "INFO": 9,
    "INFORMATION": 9,
    "INFORMATIONAL": 9,
    "INF": 9,
    "LOG": 9,
    "NOTICE": 10,
    "SUCCESS": 10,
    "WARN": 13,
    "WARNING": 13,
    "WRN": 13,
    "ERROR": 17,
    "ERR": 17,
    "SEVERE": 17,
    "FAILURE": 17,
    "CRIT": 21,
    "CRITICAL": 21,
    "ALERT": 21,
    "FATAL": 21,
    "PANIC": 21,
    "EMERG": 24,
    "EMERGENCY": 24,
}
_MAX_CHARACTERS = 64
"""What is longer, with its spaces, is no such word."""
_LETTERS = {"T": 1, "V": 1, "D": 5, "I": 9, "W": 13, "E": 17, "F": 21, "C": 21}

LEVEL_PATTERN = "|".join(sorted(_WORDS, key=lambda word: (-len(word), word)))
"""Alternatives for a severity word; use it without regard to case."""

SEVERITY_WORDS = _WORDS | _LETTERS
"""Severity by word or letter, in capitals."""

SYSLOG_SEVERITIES = (24, 21, 21, 17, 13, 10, 9, 5)
"""By the number 0 (emergency) to 7 (debug) of RFC 5424."""


def severity_of_word(word: str) -> int:
    """Return the severity number (1 to 24) of a word or of its first letter alone; 0 if unknown."""
    return _of_word(word) if len(word) <= _MAX_CHARACTERS else 0


@lru_cache(maxsize=1024)
def _of_word(word: str) -> int:
    upper = word.strip().upper()
    return _WORDS.get(upper) or (_LETTERS.get(upper, 0) if len(upper) == 1 else 0)


def severity_of_number(level: int) -> int:
    """Return the severity of a numeric level: syslog's 0 to 7, or the tens of Python and pino."""
    if 0 <= level <= 7:
        return SYSLOG_SEVERITIES[level]
    if 10 <= level <= 69:
        return (1, 5, 9, 13, 17, 21)[level // 10 - 1]
    return 0
