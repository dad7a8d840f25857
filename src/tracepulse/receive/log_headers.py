"""
Headers of text log lines: where the time and the level stand, and where the message begins.

No list of products: from the first lines of a file the place of the time (which layout, after how
many words), of the level (how many words later) and of what follows it (thread, logger, host and
process) is learnt and compiled into one regular expression. A line that does not fit may teach
a further one.

    - 1117838570 2005.06.03 R02-M1 2005-06-03-15.42.50.675872 R02-M1 RAS KERNEL INFO cache parity …
      ^ time: after 1 word     ^------------- 6 words ----------------------^ level    ^ message
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from typing import NamedTuple

from tracepulse.receive.log_times import TIME_LAYOUTS, InstantReader, TimeLayout
from tracepulse.receive.severities import LEVEL_PATTERN

__all__ = ["Header", "HeaderLayout", "HeaderReader", "learn_header_layout"]

_SEARCHED = 200
"""Characters of a line in which a time and a level are looked for when learning."""
_HEADER_CHARACTERS = 512
"""A header ends within so many; no pattern looks further, so that a hostile line costs little."""
_MAX_WORDS_BEFORE = 8
_MAX_WORDS_TO_LEVEL = 8
_USUAL_RATIO = 0.5
"""Share of a file's lines that must agree on the place of the time, and on what follows."""
_LEVEL_RATIO = 0.6
_LETTER_RATIO = 0.8
_FEW_LINES = 5
_MAX_LAYOUTS = 8
_RELEARN_AT = (6, 25, 100)
"""Numbers of lines at which a file that comes line by line is learnt again."""
_LESSONS = 500
"""Lines that fit nothing, from which a further layout is sought, per file."""
_SAME_INSTANT_NS = 26 * 3600 * 10**9
"""An epoch number beside a civil time may differ from it by any zone there is, not more."""

_WORD = r"(?:\[[^\]]*\]|[^\s|]+)"
_SKIPPED = r"(?:(?>\[[^\]]*\](?=[\s|\[])|[^\s|]++)(?:[\s|]++|(?<=\])(?=\[)))"
"""A word and the gap behind it, in one way only: a line of brackets can be divided into eight words in
millions of ways, and all of them would be tried."""
_OPEN, _CLOSE = r"[\[(<\"']?", r"[\])>\"']?"
_AFTER_TIME = r"[\s|,;:]*(?:-\s+)?"
_AFTER_LEVEL = r"(?=[\s:|,\])>-]|$)[\])>]?(?:\s*(?:[:,](?=\s|$)|\|)|\s+-(?=\s))*\s*"
_LEVEL = rf"(?i:{LEVEL_PATTERN})"
_BRACKETED = r"[^\[\]]*+(?:\[[^\]]*\][^\[\]]*+)*+"
_DOTTED = r"[A-Za-z_][\w-]*+(?:[.$]++[\w-]++)++"

_TAILS: tuple[str, ...] = (
    # OpenTelemetry's Python logging instrumentation
    r"\[(?P<logger>[^\]]*)\] \[(?P<file>[^\]]*?):(?P<line>\d+)\] \[trace_id=[^\]]*\] - ",
    # Spring Boot
    r"(?P<pid>\d+) --- (?:\[[^\]]*\] )?\[\s*(?P<thread>[^\]]*)\]\s+(?P<logger>\S+)\s+: ",
    rf"\[(?P<thread>{_BRACKETED})\]\s*-?\s*(?P<logger>{_DOTTED})(?::\d+)?\s*(?::|-)\s+",
    rf"\[(?P<thread>{_BRACKETED})\]\s+-\s+",
    rf"(?P<logger>{_DOTTED})\s*(?::|-)\s+",
    r"-- (?P<logger>[^\s:]*): ",  # Ruby
    # nginx and Apache access logs: read, and left in the message
    r'(?="(?P<method>[A-Z]{3,7}) (?P<path>\S+)[^"]*" (?P<status>\d{3}) )',
)
_SYSLOG_TAIL = (
    r"(?P<host>[\w.:-]++) (?P<app>[^\s\[\]:]++(?: [^\s\[\]:]++){0,2}+)(?:\[(?P<pid>\d+)\])?: "
)

_ATTRIBUTE_NAMES = {
    "logger": "log.logger",
    "thread": "thread.name",
    "pid": "process.pid",
    "file": "code.file.path",
    "line": "code.line.number",
    "host": "host.name",
    "app": "process.executable.name",
    "method": "http.request.method",
    "path": "url.original",
    "status": "http.response.status_code",
}
_NUMERIC = frozenset({"pid", "line", "status"})

_MIDDLES = (
    (re.compile(r"\[(\d+)\]\s*"), "process.pid"),
    (re.compile(r"\[([^\]]*)\]\s*"), "thread.name"),
    (re.compile(r"-?\s*([A-Za-z_][\w.$-]*)\s+-\s+"), "log.logger"),
    (re.compile(r"(\d+)\s+"), "process.pid"),
)

_TIMES = tuple(
    (layout, re.compile(rf"(?<![\w.])(?:{layout.pattern})(?!\w)", re.ASCII))
    for layout in TIME_LAYOUTS
)
_KLOG = r"(?P<level>[IWEFD])(?:{time})\s+(?P<pid>\d+)\s+(?P<file>[^\s:\]]+):(?P<line>\d+)\]\s*"
_WORD_AT = re.compile(_WORD)
_LEVEL_WORD = re.compile(rf"[\[(<]?({_LEVEL})[\])>]?[:|,\]-]*$", re.ASCII)
_LEVEL_FIRST = re.compile(
    rf"\s*(?:[\[(<](?P<a>{_LEVEL})[\])>]:?|(?P<b>{_LEVEL}):|(?P<c>{LEVEL_PATTERN})(?=[\s|]))"
    r"(?:\s*[|-](?=\s))?\s*",
    re.ASCII,
)


class Header(NamedTuple):
    """What a line's header says; a tuple because one is made for every line."""

    time_unix_ns: int | None
    severity_text: str
    message_start: int
    """Index of the message's first character."""
    attributes: Sequence[tuple[str, str | int]]


@dataclass(slots=True)
class HeaderLayout:
    """One learnt layout: a regular expression and what its groups mean."""

    pattern: re.Pattern[str]
    times: InstantReader
    time_group: int
    attribute_groups: tuple[tuple[int, str, bool], ...]
    """Group, attribute, whether it is a number."""
    middle: tuple[re.Pattern[str], str] | None = None
    """What stands between time and level, and the attribute that it is."""
    plain: tuple[int, int] | None = None
    """Words before an RFC 3339 time, and from there to the level (-1 for none), where that is all."""

    def read(self, line: str) -> Header | None:
        """Return a line's header, or None if it does not fit or names an impossible time."""
        match = self.pattern.match(line, 0, _HEADER_CHARACTERS)
        if match is None:
            return None
        group = self.time_group
        whole, fraction, tail = match.group(group, group + 1, group + 2)
        time_unix_ns = self.times.read(whole, fraction, tail)
        if time_unix_ns is None:
            return None
        attributes: list[tuple[str, str | int]] = []
        for number, name, numeric in self.attribute_groups:
            text = match.group(number)
            if text:
                attributes.append((name, int(text) if numeric else text))
        if self.middle is not None:
            middle = self.middle[0].fullmatch(match["middle"] or "")
            if middle is not None:
                name, text = self.middle[1], middle[1]
                attributes.append((name, int(text) if name == "process.pid" else text))
        return Header(time_unix_ns, match["level"] or "", match.end(), attributes)


@dataclass(slots=True)
class HeaderReader:
    """Reads the headers of one file's lines; its layouts are learnt from them."""

    reference_unix_ns: int
    zone: tzinfo = UTC
    layouts: list[HeaderLayout] = field(default_factory=list)
    _lessons: int = _LESSONS
    _sample: list[str] | None = None
    """Lines so far, while they are too few to be sure of what is usual."""

    def settle(self) -> None:
        """Learn no more layouts."""
        self._lessons, self._sample = 0, None

    @property
    def is_settled(self) -> bool:
        """Whether it learns no more."""
        return not self._lessons and self._sample is None

    def renew(self, reference_unix_ns: int) -> None:
        """Forget the instants seen, and complete times from now on by another reference."""
        self.reference_unix_ns = reference_unix_ns
        for layout in self.layouts:
            layout.times.renew(reference_unix_ns)

    def learn(self, lines: Sequence[str]) -> None:
        """Learn the usual layout from a file's first lines; it takes the first place."""
        layout = learn_header_layout(lines, self.reference_unix_ns, self.zone)
        if layout is not None:
            others = [o for o in self.layouts if o.pattern.pattern != layout.pattern.pattern]
            self.layouts = [layout, *others][:_MAX_LAYOUTS]

    def keep_learning(self, lines: Sequence[str]) -> None:
        """Learn again once there are more lines than these: the first few may be odd ones."""
        self._sample = list(lines) if len(lines) < _RELEARN_AT[-1] else None

    def read(self, line: str) -> Header | None:
        """Return the header of a line by any layout known."""
        if self._sample is not None and line[:1] > " ":
            self._sample.append(line)
            if len(self._sample) in _RELEARN_AT:
                self.learn(self._sample)
                self.keep_learning(self._sample)
        for layout in self.layouts:
            header = layout.read(line)
            if header is not None:
                return header
        return None

    def read_unusual(self, line: str) -> Header | None:
        """Return the header of a line that fits no layout so far: learn one, or take its level."""
        if self._lessons > 0 and len(self.layouts) < _MAX_LAYOUTS:
            self._lessons -= 1
            layout = learn_header_layout([line], self.reference_unix_ns, self.zone)
            header = layout.read(line) if layout is not None else None
            if layout is not None and header is not None:
                self.layouts.append(layout)
                return header
        match = _LEVEL_FIRST.match(line, 0, _HEADER_CHARACTERS)
        if match is None:
            return None
        level = match["a"] or match["b"] or match["c"]
        return Header(None, level, match.end(), ())


def learn_header_layout(
    lines: Sequence[str], reference_unix_ns: int, zone: tzinfo = UTC
) -> HeaderLayout | None:
    """
    Return the layout that most of the lines share; None if too few carry a time in one place.

    One line is enough, but it must then be plainer: few words before the time and the level.
    """
    place = _place_of_time(lines, reference_unix_ns, zone)
    if place is None:
        return None
    layout, words = place
    before = rf"\s*{_SKIPPED}{{{words}}}"
    start = rf"{before}{_OPEN}(?:{layout.pattern})(?!\w){_CLOSE}{_AFTER_TIME}"
    if layout.name == "klog":
        return _compiled(_KLOG.format(time=layout.pattern), layout, 2, reference_unix_ns, zone)
    fits = re.compile(start, re.ASCII)
    matches = [
        (line, match) for line in lines if (match := fits.match(line, 0, _HEADER_CHARACTERS))
    ]
    rests = [line[match.end() : _HEADER_CHARACTERS] for line, match in matches]
    early = _place_of_level([line[: match.start(1)] for line, match in matches], words)
    if early is not None:
        before = rf"\s*{_SKIPPED}{{{early}}}[\[(<]?(?P<level>{_LEVEL})[\])>]?:?\s+"
        before += rf"{_SKIPPED}{{{words - early - 1}}}"
        start = rf"{before}{_OPEN}(?:{layout.pattern})(?!\w){_CLOSE}{_AFTER_TIME}"
        return _compiled(
            start + _tail(rests, layout, leveled=True), layout, 2, reference_unix_ns, zone
        )
    syslog = layout.rank == 2 and _usual(_SYSLOG_TAIL, rests)  # its level is in the message
    late = None if syslog else _place_of_level(rests, _MAX_WORDS_TO_LEVEL)
    if late is None:
        tail = _tail(rests, layout, leveled=False)
        found = _compiled(f"{start}(?P<level>(?!))?{tail}", layout, 1, reference_unix_ns, zone)
        is_plain = not tail
    else:
        found, is_plain = _with_late_level(start, late, rests, layout, reference_unix_ns, zone)
    if is_plain and layout.name == "iso" and zone is UTC:
        found.plain = (words, -1 if late is None else late)
    return found


def _with_late_level(
    start: str,
    late: int,
    rests: list[str],
    layout: TimeLayout,
    reference_unix_ns: int,
    zone: tzinfo,
) -> tuple[HeaderLayout, bool]:
    """Return the layout, and whether it says nothing but where time and level stand."""
    seen = _level_words(rests, late)
    # The words seen come first and in their own case: matching without regard to case is slow.
    words = "|".join([word for word, _ in seen.most_common()] + [_LEVEL])
    letters = "" if seen else "|[TVDIWEF](?=[\\s:/])"
    middle = rf"{_SKIPPED}{{{late}}}"
    level = rf"(?P<middle>{middle})[\[(<]?(?P<level>{words}{letters}){_AFTER_LEVEL}"
    fits = re.compile(level, re.ASCII)
    matches = [match for rest in rests if (match := fits.match(rest))]
    after = [match.string[match.end() :] for match in matches]
    tail = _tail(after, layout, leveled=True)
    middle_name = _middle_name([match["middle"] for match in matches])
    found = _compiled(f"{start}(?:{level})?{tail}", layout, 1, reference_unix_ns, zone, middle_name)
    return found, not (tail or letters or middle_name)


def _compiled(
    pattern: str,
    layout: TimeLayout,
    time_group: int,
    reference_unix_ns: int,
    zone: tzinfo,
    middle: tuple[re.Pattern[str], str] | None = None,
) -> HeaderLayout:
    compiled = re.compile(pattern, re.ASCII)
    groups = [
        (number, _ATTRIBUTE_NAMES[name], name in _NUMERIC)
        for name, number in compiled.groupindex.items()
        if name in _ATTRIBUTE_NAMES
    ]
    times = InstantReader(layout, reference_unix_ns, zone)
    return HeaderLayout(compiled, times, time_group, tuple(sorted(groups)), middle)


def _place_of_time(
    lines: Sequence[str], reference_unix_ns: int, zone: tzinfo
) -> tuple[TimeLayout, int] | None:
    """Return the layout of the time and the words before it, the surest instant first."""
    readers = {layout.name: InstantReader(layout, reference_unix_ns, zone) for layout, _ in _TIMES}
    counts: Counter[tuple[str, int]] = Counter()
    instants: dict[tuple[str, int], dict[int, int]] = {}
    for index, line in enumerate(lines):
        for layout, pattern in _TIMES:
            found = _time_in(line[:_SEARCHED], layout, pattern, readers[layout.name])
            if found is not None:
                words, instant_ns = found
                counts[layout.name, words] += 1
                instants.setdefault((layout.name, words), {})[index] = instant_ns
    usual = [place for place, count in counts.items() if count >= _USUAL_RATIO * len(lines)]
    if not usual and len(lines) >= _FEW_LINES:
        usual = [place for place, count in counts.most_common(1) if count > 1]
    layouts = {layout.name: (order, layout) for order, (layout, _) in enumerate(_TIMES)}
    ranked = sorted((layouts[name][1].rank, words, layouts[name][0], name) for name, words in usual)
    civil = [instants[name, words] for rank, words, _, name in ranked if rank == 1]
    most = _MAX_WORDS_BEFORE if len(lines) >= _FEW_LINES else 4
    for rank, words, _, name in ranked:
        if words <= most and (rank or _agrees(instants[name, words], civil)):
            return layouts[name][1], words
    return None


def _agrees(epochs: dict[int, int], civil: list[dict[int, int]]) -> bool:
    """Tell whether epoch numbers mean the same instants as the civil times beside them."""
    return not civil or any(
        sum(abs(epochs[i] - times[i]) <= _SAME_INSTANT_NS for i in epochs.keys() & times.keys())
        >= 0.9 * len(epochs)
        for times in civil
    )


def _time_in(
    line: str, layout: TimeLayout, pattern: re.Pattern[str], reader: InstantReader
) -> tuple[int, int] | None:
    """Return the words before the first time of this layout and its instant."""
    match = pattern.search(line) if layout.name != "klog" else _KLOG_START.match(line)
    if match is None:
        return None
    before = line[: match.start(1)].rstrip("[(<\"'") if layout.name != "klog" else ""
    if before and not (before[-1].isspace() or before[-1] in "|]"):
        return None
    words = len(_WORD_AT.findall(before))
    instant_ns = reader.read(match[1], match[2], match[3])
    return (words, instant_ns) if instant_ns is not None else None


_KLOG_START = re.compile(
    "[IWEFD](?:" + next(t.pattern for t in TIME_LAYOUTS if t.name == "klog") + r")\s", re.ASCII
)


def _place_of_level(texts: Sequence[str], most: int) -> int | None:
    """Return how many words stand before the level, where the texts agree on it."""
    few = len(texts) < _FEW_LINES
    words_of, letters_of = Counter[int](), Counter[int]()
    for text in texts:
        for place, word in enumerate(_first_words(text, most)):
            match = _LEVEL_WORD.match(word)
            if match is not None and (not place or word != match[1] or match[1].isupper()):
                words_of[place] += 1
            elif len(word) == 1 and word in "TVDIWEF":
                letters_of[place] += 1
    limit = min(most, 3) if few else most
    for counts, ratio in ((words_of, _LEVEL_RATIO), (letters_of, _LETTER_RATIO)):
        if few and counts is letters_of:
            break
        for place in sorted(counts):
            if place < limit and counts[place] >= ratio * len(texts):
                return place
    return None


def _first_words(text: str, most: int) -> Iterable[str]:
    for count, match in enumerate(_WORD_AT.finditer(text[:_SEARCHED])):
        if count >= most:
            return
        yield match[0]


def _level_words(rests: Sequence[str], place: int) -> Counter[str]:
    """Return the level words that stand after so many other words."""
    found = Counter[str]()
    for rest in rests:
        for index, word in enumerate(_first_words(rest, place + 1)):
            match = _LEVEL_WORD.match(word) if index == place else None
            if match is not None:
                found[match[1]] += 1
    return found


def _middle_name(middles: Sequence[str]) -> tuple[re.Pattern[str], str] | None:
    """Return what the words between time and level are, if they are always one known thing."""
    for pattern, name in _MIDDLES:
        if middles and all(pattern.fullmatch(middle) for middle in middles):
            return pattern, name
    return None


def _tail(rests: Sequence[str], layout: TimeLayout, *, leveled: bool) -> str:
    """Return what usually follows time and level, as an optional pattern; '' for nothing known."""
    tails = _TAILS
    if not leveled:  # without a year the layout is syslog's; with one, only a process id tells
        syslog = _SYSLOG_TAIL if layout.rank == 2 else _SYSLOG_TAIL.replace("\\])?:", "\\]):")
        tails = (syslog, *_TAILS)
    return next((f"(?:{tail})?" for tail in tails if _usual(tail, rests)), "")


def _usual(tail: str, rests: Sequence[str]) -> bool:
    """Tell whether most of the texts begin with what a tail's pattern describes."""
    pattern = re.compile(tail, re.ASCII)
    return bool(rests) and (
        sum(bool(pattern.match(rest)) for rest in rests) >= _USUAL_RATIO * len(rests)
    )
