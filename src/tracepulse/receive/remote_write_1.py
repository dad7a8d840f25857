"""
Remote write 1.0 of Prometheus, `prometheus.WriteRequest`: the labels of each series spelt out.

Source:
    https://prometheus.io/docs/specs/prw/remote_write_spec/
    prompb/remote.proto and prompb/types.proto of Prometheus
"""

from tracepulse.errors import MalformedBody
from tracepulse.receive.prometheus_series import Family, MetricType, SeriesMemory
from tracepulse.receive.remote_write import (
    Label,
    Written,
    check_count,
    field_end,
    parts,
    text_of,
)
from tracepulse.receive.wire_fields import fields, read_varint

__all__ = ["write_remote_1"]


def write_remote_1(body: bytes, memory: SeriesMemory) -> Written:
    """
    Read a request.

    Args:
        memory: of earlier requests; it learns.
    Raises:
        MalformedBody: it is no such message.
        LimitExceeded: it holds more series than are read.
    """
    told: dict[str, Family] = {}
    written = Written(memory)
    known, end = memory.known, len(body)
    pos = count = 0
    while pos < end:
        if body[pos] != 0x0A:
            stop = field_end(body, pos)
            told |= _metadata(memoryview(body)[pos:stop])
            pos = stop
            continue
        # Most series have 128 bytes to 16 KiB: a length of two bytes, here without a call.
        if pos + 2 < end and body[pos + 1] >= 0x80 > body[pos + 2]:
            stop = pos + 3 + (body[pos + 1] & 0x7F | body[pos + 2] << 7)
            pos += 3
        else:
            size, pos = read_varint(body, pos + 1)
            stop = pos + size
        if stop > end:
            raise MalformedBody(f"cut off inside a series at byte {pos}")
        count += 1
        # The labels of a series that is known, and behind them one sample: 18 bytes or, of the value
        # 0, 9. What is known is a whole number of fields, so that the sample begins where they end.
        series = known.get(body[pos : stop - 18])
        begin = stop - 18
        if series is None:
            series = known.get(body[pos : stop - 9])
            begin = stop - 9
        if (
            series is None
            or body[begin] != 0x12
            or body[begin + 1] != stop - begin - 2
            or not written.quick_sample(series, body[begin + 2 : stop])
        ):
            _series(body[pos:stop], written)
        pos = stop
    check_count(count)
    if told:
        memory.learn(told)
    return written


def _metadata(whole: memoryview) -> dict[str, Family]:
    """Return what a field of a request tells of a metric, by its name; nothing for any other field."""
    told: dict[str, Family] = {}
    for number, wire, value in parts(whole):
        if (number, wire) == (3, 2):
            given = {n: v for n, w, v in parts(value) if w == (0 if n == 1 else 2)}
            name, help_text, unit = (text_of(given.get(n, b"")) for n in (2, 4, 5))
            kind = read_varint(given[1], 0)[0] if 1 in given else MetricType.UNKNOWN
            told[name or ""] = Family(kind, help_text or "", unit or "")
    return told


def _series(message: bytes, written: Written) -> None:
    """Read a series that is not known, or that holds something else than one sample."""
    end = _labels_end(message)
    found = written.memory.known.get(message[:end])
    labels = [] if found else _labels(message[:end])
    samples: list[memoryview] = []
    histograms: list[memoryview] = []
    scattered = False
    for number, wire, value, _ in fields(memoryview(message)[end:]):
        match number, wire:
            case 1, 2:  # a label behind something else
                labels = labels or _labels(message[:end])
                labels.append(_label(value))
                scattered = True
            case 2, 2:
                samples.append(value)
            case 4, 2:
                histograms.append(value)
    if found is None or scattered:
        key = None if scattered else message[:end]
        series = written.series(key, labels, len(samples) + len(histograms))
    else:
        series = found
    if series is not None:
        written.put(series, samples, histograms)


def _labels_end(message: bytes) -> int:
    """Return where the labels end that a series begins with."""
    pos, end = 0, len(message)
    while pos + 1 < end and message[pos] == 0x0A:
        if message[pos + 1] < 0x80:
            pos += 2 + message[pos + 1]
        else:
            size, begin = read_varint(message, pos + 1)
            pos = begin + size
    if pos > end:
        raise MalformedBody("cut off inside a label")
    return pos


def _labels(message: bytes) -> list[Label]:
    """Return the labels of a series, of which the message holds nothing else."""
    labels: list[Label] = []
    pos = 0
    while pos < len(message):
        size, begin = read_varint(message, pos + 1)
        pos = begin + size
        labels.append(_quick_label(message[begin:pos]))
    return labels


def _quick_label(label: bytes) -> Label:
    """Read a label; name and value of up to 127 bytes in this order are read without ado."""
    middle = label[1] + 2 if len(label) > 3 and label[0] == 0x0A else 0
    if (
        0 < middle < min(130, len(label) - 1)
        and label[middle] == 0x12
        and label[middle + 1] == len(label) - middle - 2 < 0x80
    ):
        return text_of(label[2:middle]), text_of(label[middle + 2 :])
    return _label(memoryview(label))


def _label(label: memoryview) -> Label:
    pair = {number: value for number, wire, value in parts(label) if wire == 2}
    return text_of(pair.get(1, b"")), text_of(pair.get(2, b""))
