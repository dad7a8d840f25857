"""
Instants as log lines write them.

Each layout is a regular expression with three groups: the part down to whole seconds, the fraction,
and the zone. Whole seconds are converted once and remembered, because lines that follow
each other mostly share them.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone, tzinfo

__all__ = ["TIME_LAYOUTS", "InstantReader", "TimeLayout", "number_unix_ns", "rfc3339_unix_ns"]

_DAY_NS = 86_400 * 10**9
_REMEMBERED = 20_000
"""Whole seconds kept by a reader: 5 hours of one line a second, about 3 MB."""
_EARLIEST_S, _LATEST_S = 10**8, 9_223_372_036
"""Epoch numbers are taken for instants from 1973 to 2262 only, so that counts are not."""

_MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
    )
}

Civil = tuple[int | None, int | None, int | None, int, int, int]
"""Year, month, day, hour, minute, second; None where the layout does not say."""

_NUMBERS = re.compile(r"\d+")
_WORDS = re.compile(r"\d+|[A-Za-z]+")

_CLOCK = r"\d\d:\d\d:\d\d"
_FRACTION = r"(?:[.,](\d{1,9}))?"
_ZONE = r"( ?(?:Z|UTC|GMT)\b| ?[+-]\d\d:?\d\d\b|[+-]\d\d\b)?"


@dataclass(frozen=True, slots=True)
class TimeLayout:
    """One way of writing an instant."""

    name: str
    pattern: str
    """Three groups: down to whole seconds, fraction, zone (in `ctime`, the year)."""
    civil: Callable[[str], Civil | None] | None
    """Reads the first group; None for numbers since 1970, whose unit is `unit_ns`."""
    rank: int
    """0 names one instant; 1 lacks a zone; 2 lacks the year too; 3 lacks the date."""
    unit_ns: int = 0


def _order(order: str) -> Callable[[str], Civil | None]:
    """Return a reader of digit groups in an order such as YMDhms; y is a year of two digits."""

    def read(text: str) -> Civil | None:
        numbers = [int(part) for part in _NUMBERS.findall(text)]
        if len(numbers) != len(order):
            return None
        named = dict(zip(order, numbers, strict=True))
        year = named.get("Y")
        if "y" in named:
            year = named["y"] + (2000 if named["y"] < 70 else 1900)
        return year, named.get("M"), named.get("D"), named["h"], named["m"], named["s"]

    return read


def _american(text: str) -> Civil | None:
    """Read month/day/year, or day/month/year where the first cannot be a month; AM and PM."""
    month, day, year, hour, minute, second = (int(part) for part in _NUMBERS.findall(text)[:6])
    if month > 12:
        month, day = day, month
    marker = text[-2:].upper()
    if marker in ("AM", "PM"):
        hour = hour % 12 + (12 if marker == "PM" else 0)
    return year, month, day, hour, minute, second


def _worded(text: str) -> Civil | None:
    """Read dates whose month is a word: the number of 4 digits is the year, if there is one."""
    parts = _WORDS.findall(text)
    month = next((m for p in parts if (m := _MONTHS.get(p[:3].lower())) and not p.isdigit()), None)
    numbers = [int(part) for part in parts if part.isdigit()]
    years = [n for n in numbers if n > 999]
    rest = [n for n in numbers if n <= 999]
    if month is None or len(rest) != 4:
        return None
    return years[0] if years else None, month, rest[0], rest[1], rest[2], rest[3]


def _packed(*widths: int) -> Callable[[str], Civil | None]:
    """Return a reader of digits that run together; a first width of 2 is a year of two digits."""

    def read(text: str) -> Civil | None:
        digits = "".join(_NUMBERS.findall(text))
        if len(digits) != sum(widths):
            return None
        values, at = [], 0
        for width in widths:
            values.append(int(digits[at : at + width]))
            at += width
        if widths[0] == 2:
            values[0] += 2000 if values[0] < 70 else 1900
        return values[0], values[1], values[2], values[3], values[4], values[5]

    return read


def _klog(text: str) -> Civil | None:
    month, day = int(text[:2]), int(text[2:4])
    hour, minute, second = (int(part) for part in _NUMBERS.findall(text[4:]))
    return None, month, day, hour, minute, second


def _layout(
    name: str, whole: str, civil: Callable[[str], Civil | None], rank: int = 1, tail: str = "()"
) -> TimeLayout:
    return TimeLayout(name, f"({whole}){_FRACTION}{tail}", civil, rank)


def _epoch(name: str, digits: str, unit_ns: int) -> TimeLayout:
    fraction = r"(?:\.(\d{1,9}))?" if unit_ns == 10**9 else "()"
    return TimeLayout(name, f"({digits}){fraction}()", None, 0, unit_ns)


_WEEKDAY_MONTH = "[A-Z][a-z]{2} [A-Z][a-z]{2}"

TIME_LAYOUTS: tuple[TimeLayout, ...] = (
    _layout("iso", rf"\d{{4}}-\d\d-\d\d[T ]{_CLOCK}", _order("YMDhms"), tail=_ZONE),
    _layout("slashed", rf"\d{{4}}/\d\d/\d\d[T -]{_CLOCK}", _order("YMDhms"), tail=_ZONE),
    _layout("dotted", rf"\d{{4}}\.\d\d\.\d\d[T -]{_CLOCK}", _order("YMDhms"), tail=_ZONE),
    _layout("dashed", r"\d{4}-\d\d-\d\d-\d\d\.\d\d\.\d\d", _order("YMDhms")),
    TimeLayout(
        "basic",
        rf"(\d{{8}}[T -]\d\d:?\d\d:?\d\d)(?:[.,:](\d{{1,9}}))?{_ZONE}",
        _packed(4, 2, 2, 2, 2, 2),
        1,
    ),
    _layout("short", rf"\d\d/\d\d/\d\d {_CLOCK}", _order("yMDhms")),
    TimeLayout("packed", r"(\d{6} \d{6})()()", _packed(2, 2, 2, 2, 2, 2), 1),
    _layout("german", rf"\d\d\.\d\d\.\d{{4}} {_CLOCK}", _order("DMYhms"), tail=_ZONE),
    TimeLayout(
        "american",
        r"(\d{1,2}/\d{1,2}/\d{4},? \d{1,2}:\d\d:\d\d(?: [AP]M)?)()()",
        _american,
        1,
    ),
    _layout("access", rf"\d{{1,2}}/[A-Z][a-z]{{2}}/\d{{4}}:{_CLOCK}", _worded, tail=_ZONE),
    _layout(
        "ctime", rf"{_WEEKDAY_MONTH} [ \d]\d {_CLOCK}", _worded, tail=r"( (?:[A-Z]{3,4} )?\d{4})"
    ),
    _layout(
        "day_month_year",
        rf"\d{{1,2}}[ -][A-Z][a-z]{{2}}[ -]\d{{4}} {_CLOCK}",
        _worded,
        tail=_ZONE,
    ),
    _layout("syslog", rf"[A-Z][a-z]{{2}}  ?\d{{1,2}} {_CLOCK}", _worded, 2),
    _layout("klog", rf"(?<=[IWEFD])\d{{4}} {_CLOCK}", _klog, 2),
    _layout("month_day", rf"\d\d-\d\d {_CLOCK}", _order("MDhms"), 2),
    _layout("month_day_dotted", rf"\d\d\.\d\d {_CLOCK}", _order("MDhms"), 2),
    _epoch("epoch_s", r"1\d{9}|[2-9]\d{8}", 10**9),
    _epoch("epoch_ms", r"1\d{12}", 10**6),
    _epoch("epoch_us", r"1\d{15}", 10**3),
    _epoch("epoch_ns", r"1\d{18}", 1),
    _layout("clock", _CLOCK, _order("hms"), 3),
)
"""In the order in which they are tried; `rank` says how much each leaves to be assumed."""


@dataclass(slots=True)
class InstantReader:
    """
    Reads instants of one layout.

    What the text leaves out comes from the caller: the zone, and from the reference instant
    the latest year (or date) that puts the line no more than a day after it.
    """

    layout: TimeLayout
    reference_unix_ns: int
    zone: tzinfo = UTC
    _known: dict[str, int | None] = field(default_factory=dict)

    def renew(self, reference_unix_ns: int) -> None:
        """Forget the seconds seen, and complete times from now on by another reference."""
        self.reference_unix_ns = reference_unix_ns
        self._known.clear()

    def read(self, whole: str, fraction: str | None, tail: str | None) -> int | None:
        """Return the instant in Unix ns of a match's three groups; None if there is no such day."""
        if self.layout.civil is None:
            return _plausible(int(whole) * self.layout.unit_ns + _fraction_ns(fraction))
        key = whole + tail if tail else whole
        try:
            base_ns = self._known[key]
        except KeyError:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            base_ns = self._known[key] = self._whole_seconds(key, tail or "")
        if base_ns is None or not fraction:
            return base_ns
        return base_ns + _fraction_ns(fraction)

    def _whole_seconds(self, text: str, tail: str) -> int | None:
        zone = self.zone
        assert self.layout.civil is not None
        try:
            if tail and self.layout.name != "ctime":
                zone = _zone_of(tail)
                text = text.removesuffix(tail)
            civil = self.layout.civil(text)
            if civil is None:
                return None
            return self._completed_ns(civil, zone)
        except (ValueError, OverflowError):
            return None

    def _completed_ns(self, civil: Civil, zone: tzinfo) -> int | None:
        year, month, day, hour, minute, second = civil
        leap = second == 60  # a leap second is taken as the one before it
        clock = (hour, minute, second - leap)
        latest_ns = self.reference_unix_ns + _DAY_NS
        if year is not None:
            assert month is not None
            assert day is not None
            return _civil_ns(year, month, day, *clock, zone)
        reference = datetime.fromtimestamp(self.reference_unix_ns // 10**9, zone)
        if month is None or day is None:
            today_ns = _civil_ns(reference.year, reference.month, reference.day, *clock, zone)
            return (
                today_ns
                if today_ns <= self.reference_unix_ns + _DAY_NS // 24
                else (today_ns - _DAY_NS)
            )
        for candidate in range(reference.year + 1, reference.year - 9, -1):
            try:
                instant_ns = _civil_ns(candidate, month, day, *clock, zone)
            except ValueError:  # 29 February of another year
                continue
            if instant_ns <= latest_ns:
                return instant_ns
        return None


def _civil_ns(
    year: int, month: int, day: int, hour: int, minute: int, second: int, zone: tzinfo
) -> int:
    moment = datetime(year, month, day, hour, minute, second, tzinfo=zone)
    seconds = int((moment - _EPOCH).total_seconds())
    if not 0 <= seconds <= _LATEST_S:
        raise ValueError("outside 1970 to 2262")
    return seconds * 10**9


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _fraction_ns(digits: str | None) -> int:
    return int(digits.ljust(9, "0")) if digits else 0


def _plausible(instant_ns: int) -> int | None:
    return instant_ns if _EARLIEST_S * 10**9 <= instant_ns <= _LATEST_S * 10**9 else None


def _zone_of(text: str) -> tzinfo:
    text = text.strip()
    if text in ("Z", "UTC", "GMT"):
        return UTC
    digits = text[1:].replace(":", "").ljust(4, "0")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:4]))
    return timezone(-offset if text[0] == "-" else offset)


_RFC3339 = re.compile(r"\s*" + TIME_LAYOUTS[0].pattern + r"\s*", re.ASCII)
_RFC3339_READER = InstantReader(TIME_LAYOUTS[0], 0)


_SECONDS: dict[str, int] = {}
"""Whole seconds of UTC as they are written, those last seen."""


def rfc3339_unix_ns(text: str) -> int | None:
    """Return an RFC 3339 instant in Unix ns, to the nanosecond; UTC where it names no zone."""
    second = _SECONDS.get(text[:19])
    if second is not None and text[-1] == "Z":  # the usual form, with a second seen before
        fraction = text[20:-1]
        if text[19] == "." and len(fraction) < 10 and fraction.isascii() and fraction.isdigit():
            return second + int(fraction.ljust(9, "0"))
    instant_ns = _rfc3339_unix_ns(text)
    if instant_ns is not None and text[-1] == "Z" and text[19:20] == ".":
        if len(_SECONDS) >= _REMEMBERED:
            _SECONDS.clear()
        _SECONDS[text[:19]] = instant_ns // 10**9 * 10**9
    return instant_ns


def _rfc3339_unix_ns(text: str) -> int | None:
    match = _RFC3339.fullmatch(text)
    if match is None:
        return None
    return _RFC3339_READER.read(match[1], match[2], match[3])


def number_unix_ns(value: float) -> int | None:
    """Return an instant given as a number since 1970, whose unit its size tells; None if none."""
    for unit_ns in (10**9, 10**6, 10**3, 1):
        if _EARLIEST_S * 10**9 <= value * unit_ns < 10**10 * 10**9:
            instant_ns = (
                value * unit_ns
                if isinstance(value, int)
                else round(value * 10**6) * unit_ns // 10**6
            )
            return instant_ns if instant_ns < 2**63 else None
    return None
