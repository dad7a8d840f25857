"""
Findings by shape: sightings of all requests put together, and what is frequent and costly named.

One finding for each shape and place, never one for each trace: a place is an operation and the call
that it makes. What a finding costs is time on the blocking path, that is what mending it can save.

Source:
    Scan for a stretch with more misses: Kulldorff, A spatial scan statistic, 1997, in one dimension.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import log

import numpy as np
from numpy.typing import NDArray

from tracepulse.derive.finding_rules import FindingInput, Sightings
from tracepulse.derive.limits.findings import (
    COLD_LEAD_NS,
    MAX_TIMEOUT_SPREAD_RATIO,
    MIN_COLD_ABOVE_RATIO,
    MIN_COLD_FACTOR,
    MIN_COLD_STARTS,
    MIN_FINDING_GAIN_NS,
    MIN_FINDING_GAIN_RATIO,
    MIN_FINDING_REQUESTS,
    MIN_PAGE_HOLD_NS,
    MIN_PAGE_RATIO,
    MIN_RARE_GAIN_RATIO,
    MIN_RARE_REQUEST_RATIO,
    MIN_SERIAL_ALWAYS_RATIO,
    MIN_SERIAL_CLOSE_RATIO,
    MIN_SERIAL_TRACES,
    MIN_TIMEOUT_NS,
    STORM_BINS,
    STORM_MISS_RATIO,
    STORM_NATS,
)
from tracepulse.model.call_shapes import CallName

__all__ = ["Finding", "FindingSums", "Place", "findings"]

Integers = NDArray[np.int64]
_EVIDENCE = 3


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where something is seen."""

    service: str
    operation: str
    """That makes the call, or waits."""
    call: str
    """Statement, address or name of the call; '' where there is none."""
    other: str = ""
    """The one after it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One shape of waste at one place; times are on the blocking path, means over all requests."""

    shape: str
    service: str
    operation: str
    calls: tuple[str, ...]
    """Statements, addresses or names of the calls that it is about."""
    requests: int
    """That were looked at."""
    held_requests: int
    """That it held up."""
    per_request_ns: float
    """What it cost a request of the mean, …"""
    per_held_ns: float
    """… and one that it held up."""
    usual_ns: float
    """Per request of the usual cohort."""
    slow_ns: float
    share_ratio: float | None
    """Of the difference of the cohorts; None where there is none."""
    calls_each: float
    """Median number of calls in a request that it held up."""
    evidence: tuple[int, ...]
    """Requests, by number: those held up longest, then one in the middle."""
    detail: Mapping[str, float] = field(default_factory=dict, hash=False)
    """Numbers of the shape's own."""


@dataclass(slots=True)
class _Rows:
    """Sightings of one rule at one place."""

    number: list[Integers] = field(default_factory=list)
    held_ns: list[Integers] = field(default_factory=list)
    calls: list[Integers] = field(default_factory=list)
    at: list[Integers] = field(default_factory=list)
    note: list[Integers] = field(default_factory=list)

    def joined(self) -> "_Seen":
        return _Seen(*(np.concatenate(getattr(self, name)) for name in self.__slots__))


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    number: Integers
    held_ns: Integers
    calls: Integers
    at: Integers
    note: Integers

    def __len__(self) -> int:
        return len(self.number)


class FindingSums:
    """Sightings by kind and place; grows with the requests, of which there is a limit."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, Place], _Rows] = defaultdict(_Rows)
        self._instances: dict[str, int] = {}

    def add(self, given: FindingInput, seen: Iterable[Sightings]) -> None:
        """Add what rules saw in one chunk."""
        services = sorted({node.service for node in given.table.nodes})
        for each in seen:
            if not len(each.number):
                continue
            empty = np.full(len(each.number), -1)
            other = each.other if len(each.other) else empty
            at, note = (x if len(x) else empty for x in (each.at, each.note))
            peer = empty
            if each.kind == "chatty_fan_out":
                peer, at = at, empty
            if each.kind == "cold_start":
                note = self._numbered(note, given.instances)
            keys = (each.node, each.shape, other, peer)
            order, bounds = _grouped(keys)
            for begin, end in zip(bounds[:-1], bounds[1:], strict=True):
                mine = order[begin:end]
                node, shape, second, its_peer = (int(key[mine[0]]) for key in keys)
                named = given.table.nodes[node]
                call = _call(given.names, shape)
                if its_peer >= 0:
                    known = (*services, *given.table.resources)
                    call = known[its_peer]
                place = Place(named.service, named.name, call, _call(given.names, second))
                rows = self._rows[each.kind, place]
                for name, values in (
                    ("number", each.number), ("held_ns", each.held_ns), ("calls", each.calls),
                    ("at", at), ("note", note),
                ):  # fmt: skip
                    getattr(rows, name).append(values[mine])

    def of(self, kind: str) -> dict[Place, _Seen]:
        """Return what was seen of a kind, by place in order of its name."""
        found = [(place, rows) for (its, place), rows in self._rows.items() if its == kind]
        return {place: rows.joined() for place, rows in sorted(found, key=lambda each: each[0])}

    def _numbered(self, codes: Integers, names: Sequence[str]) -> Integers:
        known = np.array(
            [self._instances.setdefault(name, len(self._instances)) for name in names], np.int64
        )
        return known[codes]


def _grouped(keys: Sequence[Integers]) -> tuple[Integers, list[int]]:
    """Return rows with equal keys together, as they stood, and where each group begins."""
    place = np.zeros(len(keys[0]), np.int64)
    for key in keys:
        if (key != key[0]).any():
            # Made dense at each step, so that the product of all cannot pass 64 bits.
            place = np.unique(place * (int(key.max()) + 2) + key + 1, return_inverse=True)[1]
    order = np.argsort(place, kind="stable")
    changes = np.flatnonzero(np.diff(place[order])) + 1
    return order, [0, *changes.tolist(), len(order)]


def _call(names: Sequence[CallName], shape: int) -> str:
    if shape < 0:
        return ""
    name = names[shape]
    if not name.shape or name.shape.startswith(name.node.name):
        return name.shape or name.node.name
    return f"{name.node.name} {name.shape}" if name.shape.startswith("/") else name.shape


@dataclass(frozen=True, slots=True, eq=False)
class _Cohorts:
    """All requests that are looked at."""

    start_unix_ns: Integers
    length_ns: Integers
    group: Integers

    @property
    def mean_ns(self) -> float:
        return float(self.length_ns.mean()) if len(self.length_ns) else 0.0


def findings(
    sums: FindingSums, start_unix_ns: Integers, length_ns: Integers, group: Integers
) -> tuple[Finding, ...]:
    """
    Return what is frequent and costly enough to be told.

    Args:
        sums: sightings of all requests.
        start_unix_ns: of each request, by number.
        length_ns: of each.
        group: of each: 0 is usual, 1 is slow, below 0 in neither cohort.
    Returns:
        By what they cost a request of the mean, the largest first, then by shape and place.
    """
    all_of = _Cohorts(start_unix_ns, length_ns, group)
    found = [
        *_plain(sums, all_of, "n_plus_one"),
        *_retries(sums, all_of),
        *_plain(sums, all_of, "chatty_fan_out"),
        *_serial(sums, all_of),
        *_plain(sums, all_of, "waiting"),
        *_cold_starts(sums, all_of),
        *_storms(sums, all_of),
        *_pages(sums, all_of),
    ]
    return tuple(
        sorted(found, key=lambda f: (-f.per_request_ns, f.shape, f.service, f.operation, f.calls))
    )


def _plain(sums: FindingSums, cohorts: _Cohorts, kind: str) -> list[Finding]:
    told = [_told(kind, place, seen, cohorts) for place, seen in sums.of(kind).items()]
    return [each for each in told if _is_costly(each, cohorts)]


def _told(shape: str, place: Place, seen: _Seen, cohorts: _Cohorts) -> Finding:
    """Return what was seen at one place as a finding, whatever it cost."""
    count = len(cohorts.length_ns)
    held = np.bincount(seen.number, weights=seen.held_ns, minlength=count)
    calls = np.bincount(seen.number, weights=seen.calls, minlength=count)
    hit = np.flatnonzero(held > 0)
    means = [
        float(held[cohorts.group == g].sum() / max((cohorts.group == g).sum(), 1)) for g in (0, 1)
    ]
    lengths = [cohorts.length_ns[cohorts.group == g] for g in (0, 1)]
    excess = float(lengths[1].mean() - lengths[0].mean()) if all(map(len, lengths)) else 0.0
    order = hit[np.lexsort((hit, -held[hit]))]
    shown = [*order[:_EVIDENCE].tolist(), *order[len(order) // 2 : len(order) // 2 + 1].tolist()]
    return Finding(
        shape=shape,
        service=place.service,
        operation=place.operation,
        calls=tuple(text for text in (place.call, place.other) if text),
        requests=count,
        held_requests=len(hit),
        per_request_ns=float(held.sum() / max(count, 1)),
        per_held_ns=float(held.sum() / max(len(hit), 1)),
        usual_ns=means[0],
        slow_ns=means[1],
        share_ratio=(means[1] - means[0]) / excess if excess > 0 else None,
        calls_each=float(np.median(calls[hit])) if len(hit) else 0.0,
        evidence=tuple(dict.fromkeys(shown)),
    )


def _is_costly(told: Finding, cohorts: _Cohorts) -> bool:
    """Tell whether a finding costs all requests something, or some of them much."""
    if told.held_requests < MIN_FINDING_REQUESTS or told.per_held_ns < MIN_FINDING_GAIN_NS:
        return False
    if told.per_request_ns >= MIN_FINDING_GAIN_RATIO * cohorts.mean_ns:
        return True
    return (
        told.held_requests >= MIN_RARE_REQUEST_RATIO * told.requests
        and told.per_held_ns >= MIN_RARE_GAIN_RATIO * cohorts.mean_ns
    )


def _retries(sums: FindingSums, cohorts: _Cohorts) -> list[Finding]:
    """Tell calls that were tried again; a ladder where each attempt was cut off by a clock."""
    found = []
    for place, seen in sums.of("retries").items():
        low, middle, high = np.quantile(seen.at, (0.1, 0.5, 0.9))
        constant = middle >= MIN_TIMEOUT_NS and high - low <= MAX_TIMEOUT_SPREAD_RATIO * middle
        shape = "timeout_ladder" if constant else "retries"
        told = _told(shape, place, seen, cohorts)
        told = replace(told, detail={"attempt_ns": float(middle)})
        if _is_costly(told, cohorts):
            found.append(told)
    return found


def _serial(sums: FindingSums, cohorts: _Cohorts) -> list[Finding]:
    """Tell calls of one operation that always follow each other; neighbours make one chain."""
    made, together = sums.of("made"), sums.of("together")
    pairs = sums.of("serial_calls")
    chains: dict[tuple[str, str], list[tuple[Place, _Seen]]] = defaultdict(list)
    for place, seen in pairs.items():
        turned = replace(place, call=place.other, other=place.call)
        if len(seen) < MIN_SERIAL_TRACES or turned in pairs:
            continue
        if place in together or turned in together:
            continue
        if (seen.held_ns > 0).mean() < MIN_SERIAL_CLOSE_RATIO:
            continue
        each = [made[replace(place, call=call, other="")] for call in (place.call, place.other)]
        if all(len(seen) >= MIN_SERIAL_ALWAYS_RATIO * len(runs) for runs in each):
            chains[place.service, place.operation].append((place, seen))
    found = []
    for (service, operation), members in sorted(chains.items()):
        rows = _Rows()
        for _, seen in members:
            for name in _Rows.__slots__:
                getattr(rows, name).append(getattr(seen, name))
        told = _told("serial_calls", Place(service, operation, ""), rows.joined(), cohorts)
        traces = min(len(np.unique(seen.number)) for _, seen in members)
        calls = tuple(
            dict.fromkeys(c for p in _chained([p for p, _ in members]) for c in (p.call, p.other))
        )
        told = replace(
            told,
            calls=calls,
            calls_each=float(len(calls)),
            detail={"never_overlapping": float(traces)},
        )
        if _is_costly(told, cohorts):
            found.append(told)
    return found


def _chained(places: list[Place]) -> list[Place]:
    """Return pairs in the order of their calls, as far as one leads to the next."""
    seconds = {place.other for place in places}
    left, ordered = sorted(places), []
    while left:
        heads = [place for place in left if place.call not in seconds] or left
        at: Place | None = heads[0]
        while at is not None:
            left.remove(at)
            ordered.append(at)
            at = next((place for place in left if place.call == ordered[-1].other), None)
    return ordered


def _cold_starts(sums: FindingSums, cohorts: _Cohorts) -> list[Finding]:
    """Tell operations whose first request on each new instance takes far longer than others."""
    found = []
    begin = int(cohorts.start_unix_ns.min()) if len(cohorts.start_unix_ns) else 0
    for place, seen in sums.of("cold_start").items():
        order = np.lexsort((seen.number, seen.at, seen.note))
        first = np.ones(len(order), np.bool_)
        first[1:] = np.diff(seen.note[order]) != 0
        is_first = np.zeros(len(order), np.bool_)
        is_first[order] = first
        cold = (is_first & (seen.at >= begin + COLD_LEAD_NS)) | (seen.calls > 0)
        rest = seen.held_ns[~cold & ~is_first]
        starts = seen.held_ns[cold]
        if len(starts) < MIN_COLD_STARTS or len(rest) < MIN_FINDING_REQUESTS:
            continue
        usual = float(np.median(rest))
        above = float((starts > np.quantile(rest, 0.9)).mean())
        if np.median(starts) < MIN_COLD_FACTOR * usual or above < MIN_COLD_ABOVE_RATIO:
            continue
        excess = np.where(cold, np.maximum(seen.held_ns - int(usual), 0), 0)
        shown = _Seen(seen.number, excess, cold.astype(np.int64), seen.at, seen.note)
        told = _told("cold_start", place, shown, cohorts)
        told = replace(
            told,
            detail={
                "starts": float(cold.sum()),
                "first_ns": float(np.median(starts)),
                "usual_ns": usual,
            },
        )
        if told.per_held_ns >= MIN_RARE_GAIN_RATIO * cohorts.mean_ns:
            found.append(told)
    return found


def _storms(sums: FindingSums, cohorts: _Cohorts) -> list[Finding]:
    """Tell look-ups that for a while miss far more often than before and after."""
    found = []
    for place, seen in sums.of("cache_miss_storm").items():
        storm = _storm(seen.at, seen.note > 0)
        if storm is None:
            continue
        inside, outside_ratio, inside_ratio = storm
        missed = inside & (seen.note > 0)
        held = np.where(missed, seen.held_ns * (1.0 - outside_ratio / inside_ratio), 0.0)
        shown = _Seen(seen.number, held.astype(np.int64), seen.calls * missed, seen.at, seen.note)
        told = _told("cache_miss_storm", place, shown, cohorts)
        span = (int(seen.at[inside].min()), int(seen.at[inside].max()))
        told = replace(told, detail={
            "miss_ratio": inside_ratio, "usual_miss_ratio": outside_ratio,
            "from_unix_s": span[0] / 1e9, "until_unix_s": span[1] / 1e9,
        })  # fmt: skip
        if _is_costly(told, cohorts):
            found.append(told)
    return found


def _storm(
    at: Integers, missed: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], float, float] | None:
    """Return what is within the stretch with clearly more misses, and the shares outside and in."""
    begin, end = int(at.min()), int(at.max()) + 1
    place = (at - begin) * STORM_BINS // (end - begin)
    looked = np.concatenate([[0], np.cumsum(np.bincount(place, minlength=STORM_BINS))])
    lost = np.concatenate(
        [[0], np.cumsum(np.bincount(place, weights=missed, minlength=STORM_BINS))]
    )
    whole = _fit(float(lost[-1]), float(looked[-1]))
    best, chosen = STORM_NATS, None
    for i in range(STORM_BINS):
        for j in range(i + 1, STORM_BINS + 1):
            n, k = float(looked[j] - looked[i]), float(lost[j] - lost[i])
            rest_n, rest_k = looked[-1] - n, lost[-1] - k
            if n < MIN_FINDING_REQUESTS or rest_n < MIN_FINDING_REQUESTS:
                continue
            if k / n < STORM_MISS_RATIO or k / n < 2 * rest_k / rest_n:
                continue
            gain = _fit(k, n) + _fit(rest_k, rest_n) - whole
            if gain > best:
                best, chosen = gain, (i, j, rest_k / rest_n, k / n)
    if chosen is None:
        return None
    inside = (place >= chosen[0]) & (place < chosen[1])
    return inside, float(chosen[2]), float(chosen[3])


def _fit(k: float, n: float) -> float:
    """Return the log-likelihood of k of n at the rate that fits best."""
    return sum(part * log(part / n) for part in (k, n - k) if part > 0)


def _pages(sums: FindingSums, cohorts: _Cohorts) -> list[Finding]:
    """Tell what holds up pages."""
    found = []
    for kind in ("render_blocking", "late_resource", "long_frames", "slow_first_byte"):
        for place, seen in sums.of(kind).items():
            told = _told(kind, place, seen, cohorts)
            enough = told.held_requests >= max(MIN_FINDING_REQUESTS, MIN_PAGE_RATIO * told.requests)
            if not enough or told.per_held_ns < MIN_PAGE_HOLD_NS:
                continue
            if kind == "slow_first_byte":
                told = replace(
                    told,
                    detail={
                        "first_byte_ns": float(np.median(seen.at)),
                        "call_ns": float(np.median(seen.note)),
                    },
                )
            found.append(told)
    return found
