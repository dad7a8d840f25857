"""
Log lines taken apart in one compiled pass: tokens that may be ids, how long, arriving or done.

    "order o-1c74 placed in 12 ms"        "GET /orders/1C74 201"
      tokens  o1c74  1c74                   tokens  1c74
      done, 12 ms                           done

A token is hashed in small letters and without what joins its pieces, so that the same id is found
bare, with a prefix or a suffix, in a path, in capitals, and a UUID without its dashes. A number of up
to three digits counts only together with the word before it (`product 9`, `/products/9`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracepulse.derive.compiled import Cells, kernel
from tracepulse.model.log import LogRecord

__all__ = [
    "ARRIVING",
    "DONE",
    "LineFacts",
    "LogLines",
    "line_facts",
    "log_lines",
    "token_hash",
    "tokens_of",
]

MAX_TEXT_BYTES = 2_000
"""Of a line: ids stand at its front, and a stack trace holds none."""
MAX_TOKENS = 48
"""Of a line: a line with more is a listing."""
HOST_KEYS = ("host.name", "k8s.node.name")
ARRIVING, DONE = 1, 2

_ARRIVING_WORDS = """received receiving receive start starts started starting begin begins began
 beginning incoming handling handle processing accepted accepting got entering enter entered requested
 consuming dequeued invoked invoking request"""
_DONE_WORDS = """done finished finish completed complete completes succeeded success responded
 responding returned returning took ended failed sent answered elapsed duration latency durationms
 elapsedms latencyms tookms response responsetime ok rejected aborted placed packed exit exiting left"""
_CUES = "in took duration elapsed latency time after dur responsetime rt total"
_UNITS_NS: Mapping[str, float] = MappingProxyType(
    {
        **dict.fromkeys(("ms", "msec", "millis", "milliseconds"), 1e6),
        **dict.fromkeys(("s", "sec", "secs", "seconds"), 1e9),
        **dict.fromkeys(("us", "micros", "microseconds"), 1e3),
        **dict.fromkeys(("ns", "nanos", "nanoseconds"), 1.0),
    }
)
_TIMED = ("duration", "elapsed", "latency", "took", "responsetime", "dur", "time", "elapsedtime")
_STATUSES = (
    200,
    201,
    202,
    204,
    301,
    302,
    304,
    400,
    401,
    403,
    404,
    409,
    422,
    429,
    500,
    502,
    503,
    504,
)

_SEED = np.uint64(14695981039346656037)
_PRIME = np.uint64(1099511628211)
_DIGIT, _LETTER, _JOIN = 1, 2, 4


@dataclass(frozen=True, slots=True)
class LogLines:
    """Lines as columns; n is their number."""

    time_unix_ns: NDArray[np.int64]
    service: NDArray[np.int32]
    """Place in `services`."""
    host: NDArray[np.int32]
    """Place in `hosts`."""
    text: NDArray[np.uint8]
    """UTF-8, one line after another: body, then attributes as `name=value`."""
    begins: NDArray[np.int64]
    """n + 1 places in `text`."""
    services: tuple[str, ...]
    hosts: tuple[str, ...]
    """'' stands for lines whose host is unknown: they share a clock."""


@dataclass(frozen=True, slots=True)
class LineFacts:
    """What each line says about its time."""

    length_ns: NDArray[np.int64]
    """How long what it tells of took; -1 when it does not say."""
    moment: NDArray[np.uint8]
    """ARRIVING, DONE, both or 0."""
    shape: NDArray[np.uint64]
    """Of its words without those that hold digits."""
    part: NDArray[np.uint8]
    """ARRIVING where a piece of work begins with it, DONE where one ends; learned, else 0."""


def log_lines(records: Iterable[LogRecord]) -> LogLines:
    """Return records as columns, by time, service, host and text, each line once."""
    rows = sorted(
        {
            (r.time_unix_ns, r.service, _host(r.resource), _text(r))
            for r in records
            if r.service != ""
        }
    )
    services, service = _codes([row[1] for row in rows])
    hosts, host = _codes([row[2] for row in rows])
    begins = np.zeros(len(rows) + 1, np.int64)
    np.cumsum([len(row[3]) for row in rows], out=begins[1:])
    return LogLines(
        time_unix_ns=np.array([row[0] for row in rows], np.int64),
        service=service,
        host=host,
        text=np.frombuffer(b"".join(row[3] for row in rows), np.uint8),
        begins=begins,
        services=services,
        hosts=hosts,
    )


def _host(resource: Mapping[str, str]) -> str:
    return next((resource[key] for key in HOST_KEYS if resource.get(key)), "")


def _text(record: LogRecord) -> bytes:
    parts = [record.body[:MAX_TEXT_BYTES]]
    parts += [f"{key}={value}" for key, value in sorted(record.attributes.items())]
    return "\n".join(parts).encode("utf-8", "replace")[:MAX_TEXT_BYTES]


def _codes(values: Sequence[str]) -> tuple[tuple[str, ...], NDArray[np.int32]]:
    names = tuple(sorted(set(values)))
    places = {name: place for place, name in enumerate(names)}
    return names, np.array([places[value] for value in values], np.int32)


def _hash(word: str) -> int:
    state = int(_SEED)
    for character in word.encode():
        state = ((state ^ character) * int(_PRIME)) & 0xFFFFFFFFFFFFFFFF
    return state


def token_hash(token: str) -> int:
    """Return the hash that tokens are known by: of small letters and digits alone."""
    return _hash("".join(each for each in token.lower() if each.isascii() and each.isalnum()))


def _word_table() -> tuple[NDArray[np.uint64], NDArray[np.int32], NDArray[np.float64]]:
    """Return hashes, sorted, with what each word means: 1, 2, 4 a cue, 8 a unit, 16 a timed name."""
    meaning: dict[str, int] = {}
    factor: dict[str, float] = {}
    for words, bit in ((_ARRIVING_WORDS, 1), (_DONE_WORDS, 2), (_CUES, 4)):
        for word in words.split():
            meaning[word] = meaning.get(word, 0) | bit
    for unit, ns in _UNITS_NS.items():
        meaning[unit] = meaning.get(unit, 0) | 8
        factor[unit] = ns
        for name in _TIMED:
            meaning[name + unit] = meaning.get(name + unit, 0) | 16
            factor[name + unit] = ns
    hashes = {_hash(word): word for word in meaning}
    ordered = [hashes[each] for each in sorted(hashes)]
    return (
        np.array(sorted(hashes), np.uint64),
        np.array([meaning[word] for word in ordered], np.int32),
        np.array([factor.get(word, 0.0) for word in ordered], np.float64),
    )


def _classes() -> NDArray[np.uint8]:
    classes = np.zeros(256, np.uint8)
    classes[ord("0") : ord("9") + 1] = _DIGIT
    classes[ord("a") : ord("z") + 1] = _LETTER
    classes[ord("A") : ord("Z") + 1] = _LETTER
    for character in "-_:.":
        classes[ord(character)] = _JOIN
    return classes


_CLASSES = _classes()
_WORDS, _MEANINGS, _FACTORS = _word_table()
_STATUS_TABLE = np.zeros(1000, np.bool_)
_STATUS_TABLE[list(_STATUSES)] = True


def line_facts(lines: LogLines) -> LineFacts:
    """Return what each line says about its time."""
    _, _, facts = _walk(lines, 0, len(lines.time_unix_ns))
    return facts


def tokens_of(
    lines: LogLines, first: int, last: int
) -> tuple[NDArray[np.uint64], NDArray[np.int64], LineFacts]:
    """Return hashes of tokens that may be ids, the line of each, and the facts of these lines."""
    return _walk(lines, first, last)


def _walk(
    lines: LogLines, first: int, last: int
) -> tuple[NDArray[np.uint64], NDArray[np.int64], LineFacts]:
    count = last - first
    size = int(lines.begins[last] - lines.begins[first]) // 2 + 16
    size = min(size, count * MAX_TOKENS + 16)
    hashes = np.empty(size, np.uint64)
    owners = np.empty(size, np.int64)
    length_ns = np.full(count, -1, np.int64)
    moment = np.zeros(count, np.uint8)
    shape = np.zeros(count, np.uint64)
    found = _take_apart(
        lines.text,
        lines.begins,
        first,
        last,
        _CLASSES,
        _WORDS,
        _MEANINGS,
        _FACTORS,
        _STATUS_TABLE,
        hashes,
        owners,
        length_ns,
        moment,
        shape,
    )
    facts = LineFacts(length_ns, moment, shape, np.zeros(count, np.uint8))
    return hashes[:found], owners[:found], facts


@kernel
def _find(table: Cells, value: Any) -> int:
    place = int(np.searchsorted(table, value))
    if place < len(table) and table[place] == value:
        return place
    return -1


@kernel
def _step(state: Any, character: Any) -> Any:
    return (state ^ np.uint64(character)) * _PRIME


@kernel
def _take_apart(
    text: Cells,
    begins: Cells,
    first: int,
    last: int,
    classes: Cells,
    words: Cells,
    meanings: Cells,
    factors: Cells,
    statuses: Cells,
    hashes: Cells,
    owners: Cells,
    length_ns: Cells,
    moment: Cells,
    shape: Cells,
) -> int:
    found = 0
    for line in range(first, last):
        row = line - first
        place, end = begins[line], begins[line + 1]
        limit = found + MAX_TOKENS - 6
        if limit > len(hashes) - 8:
            limit = len(hashes) - 8
        # Hash of the word before without its last s, and its length.
        stem = np.uint64(0)
        stem_length = 0
        meant = 0  # what the word before means
        scale = 0.0
        pending = -1.0  # a bare number that waits for its unit
        timed = False
        shaped = _SEED
        while place < end:
            if classes[text[place]] & 3 == 0:
                place += 1
                continue
            begin = place
            full = _SEED
            piece = _SEED
            tail = _SEED  # digits after a short prefix of letters
            head = _SEED  # the first eight characters of a long piece
            inner = _SEED  # the last piece of letters alone in this run
            inner_length = 0
            prior, total, digits, letters, pieces = np.uint64(0), 0, 0, 0, 0
            p_length, p_digits, p_lead, p_tail = 0, 0, 0, 0
            h_digits = 0
            dots, other_joins = 0, 0
            value, fraction, decimals = 0.0, 1.0, False
            unit = _SEED
            number = True  # digits with at most one dot, then perhaps letters
            is_date = (
                end - begin >= 10
                and text[begin] in (49, 50)
                and text[begin + 4] == 45
                and text[begin + 7] == 45
                and classes[text[begin + 1]] == _DIGIT
                and classes[text[begin + 5]] == _DIGIT
            )
            while True:
                at_end = place >= end
                kind = 0 if at_end else classes[text[place]]
                if kind == _JOIN and (place + 1 >= end or classes[text[place + 1]] & 3 == 0):
                    kind = 0
                if kind & 3:
                    character = text[place]
                    if 65 <= character <= 90:
                        character += 32
                    prior = full
                    full = _step(full, character)
                    piece = _step(piece, character)
                    total += 1
                    p_length += 1
                    if p_length <= 8:
                        head = _step(head, character)
                        if kind == _DIGIT:
                            h_digits += 1
                    if kind == _DIGIT:
                        digits += 1
                        p_digits += 1
                        p_tail += 1
                        tail = _step(tail, character)
                        if letters > 0:
                            number = False
                        elif decimals:
                            fraction /= 10.0
                            value += (character - 48) * fraction
                        else:
                            value = value * 10.0 + (character - 48)
                    else:
                        if p_digits == 0:
                            p_lead += 1
                        else:
                            p_lead = 99
                        letters += 1
                        unit = _step(unit, character)
                    place += 1
                    continue
                # A piece ends here.
                if p_length > 0:
                    pieces += 1
                    if p_digits > 0 and found < limit and not is_date:
                        if p_digits == p_length:
                            if p_length >= 4:
                                hashes[found] = piece
                                owners[found] = line
                                found += 1
                            elif not (decimals or (kind == _JOIN and text[place] == 46)):
                                base = inner if pieces > 1 else stem
                                wide = inner_length if pieces > 1 else stem_length
                                if wide >= 3:
                                    for back in range(p_length, 0, -1):
                                        base = _step(base, text[place - back])
                                    hashes[found] = base
                                    owners[found] = line
                                    found += 1
                        elif p_length >= 4:
                            hashes[found] = piece
                            owners[found] = line
                            found += 1
                            if p_lead <= 4 and p_tail >= 4:
                                hashes[found] = tail
                                owners[found] = line
                                found += 1
                        if p_length >= 16 and h_digits > 0:
                            hashes[found] = head
                            owners[found] = line
                            found += 1
                    if p_digits == 0:
                        inner, inner_length = piece, p_length
                if kind == _JOIN:
                    if text[place] == 46:
                        dots += 1
                        decimals = dots == 1 and pieces == 1
                        if dots > 1:
                            number = False
                    else:
                        other_joins += 1
                        number = False
                    piece, tail, head = _SEED, _SEED, _SEED
                    p_length, p_digits, p_lead, p_tail, h_digits = 0, 0, 0, 0, 0
                    place += 1
                    continue
                break
            if digits == 0:
                known = _find(words, full)
                meant = meanings[known] if known >= 0 else 0
                scale = factors[known] if known >= 0 else 0.0
                moment[row] |= meant & 3
                if pending >= 0 and meant & 8 and timed:
                    length_ns[row] = int(pending * scale)
                    moment[row] |= DONE
                pending = -1.0
                stem, stem_length = full, total
                if text[place - 1] == 115 and total > 3:
                    stem, stem_length = prior, total - 1
                shaped = _step(shaped, 32) ^ full
                continue
            # A run with digits: a number, with or without its unit, or an id.
            plain = dots > 0 and other_joins == 0 and letters == 0
            if number and not is_date:
                if letters > 0:
                    known = _find(words, unit)
                    if known >= 0 and meanings[known] & 8 and meant & 4:
                        length_ns[row] = int(value * factors[known])
                        moment[row] |= DONE
                elif meant & 16:
                    length_ns[row] = int(value * scale)
                    moment[row] |= DONE
                else:
                    pending = value
                    timed = meant & 4 != 0
                    if dots == 0 and total == 3 and statuses[int(value)]:
                        moment[row] |= DONE
            if pieces > 1 and total >= 5 and not plain and not is_date and found < limit:
                hashes[found] = full
                owners[found] = line
                found += 1
            if not number:
                pending = -1.0
            meant = 0
            shaped = _step(shaped, 35)
        shape[row] = shaped
    return found
