"""
Episodes: what several services wrote about one thing within a moment, and each service's visit in it.

    gateway    |begin ...........................done|      a visit: first to last line, and back to
    checkout          |............ done in 12 ms|           where a line says that its work began
    mailer                  |sent                            a visit of one line
               ------------------------------------------> time, clocks set right

Mentions of a key without a pause are an episode. Episodes that share lines are one request, since a
line with two keys tells that both belong to it; so a request is followed over a change of its key.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tracepulse.derive.compiled import Cells, kernel
from tracepulse.derive.log_keys import Mentions
from tracepulse.derive.log_tokens import ARRIVING, DONE, LineFacts, LogLines

__all__ = ["Requests", "Visits", "clean_requests", "find_requests", "pause_ns"]

MAX_EPISODE_LINES = 300
MAX_REQUEST_LINES = 1_000
MAX_BUSY_RATIO = 0.35
"""A value that is being mentioned a third of the time is no key: unrelated requests meet in it."""
MIN_PAUSE_NS, MAX_PAUSE_NS = 100_000_000, 2_000_000_000


@dataclass(frozen=True, slots=True)
class Visits:
    """
    Pieces of work of services in requests; by request, service, then begin. Times by the right clock.

    A service that is called twice in a request has two, where its sentences tell them apart.
    """

    request: NDArray[np.int64]
    service: NDArray[np.int32]
    host: NDArray[np.int32]
    """Of its first line."""
    begin_ns: NDArray[np.int64]
    end_ns: NDArray[np.int64]
    knows: NDArray[np.uint8]
    """ARRIVING: its begin is that of its work. DONE: its end is."""
    lines: NDArray[np.int32]
    sentence: NDArray[np.uint64]
    """The shape of its first line, which tells what was asked of the service."""


def clean_requests(requests: "Requests") -> "Requests":
    """Return the requests in which nobody works twice: where somebody does, visits cannot be compared."""
    visits = requests.visits
    again = np.zeros(len(visits.request), np.bool_)
    again[1:] = (visits.request[1:] == visits.request[:-1]) & (
        visits.service[1:] == visits.service[:-1]
    )
    bad = np.zeros(len(requests.begins) - 1, np.bool_)
    bad[visits.request[again]] = True
    kept = ~bad[visits.request]
    place = np.cumsum(~bad) - 1
    chosen = Visits(
        request=place[visits.request[kept]],
        service=visits.service[kept],
        host=visits.host[kept],
        begin_ns=visits.begin_ns[kept],
        end_ns=visits.end_ns[kept],
        knows=visits.knows[kept],
        lines=visits.lines[kept],
        sentence=visits.sentence[kept],
    )
    begins = np.searchsorted(chosen.request, np.arange(int((~bad).sum()) + 1)).astype(np.int64)
    return replace(requests, visits=chosen, begins=begins)


@dataclass(frozen=True, slots=True)
class Requests:
    """The requests of some lines."""

    visits: Visits
    begins: NDArray[np.int64]
    """Where each request's visits begin, and where the last one's end."""
    shared: NDArray[np.int64]
    """[service, service]: episodes of one key in which both write, so that both know the key."""
    episode_key: NDArray[np.uint64]
    episode_begins: NDArray[np.int64]
    """Places in `mention_line`, one more than there are episodes."""
    mention_line: NDArray[np.int64]
    episode_request: NDArray[np.int64]
    """-1 for an episode that is none: of one service, too long, or of a value that is no key."""
    visit_of_line: NDArray[np.int64]
    """Of each line; -1 for lines outside requests."""


def pause_ns(mentions: Mentions, time_ns: NDArray[np.int64]) -> int:
    """
    Return the pause that parts the requests of one key, from how long pauses are in these logs.

    Pauses within a request are short and those between requests long: the emptiest place between
    the two, on a logarithmic scale, is where one ends and the other begins.
    """
    times = time_ns[mentions.line]
    order = np.lexsort((times, mentions.key))
    gaps = np.diff(times[order])[np.diff(mentions.key[order].astype(np.int64)) == 0]
    gaps = gaps[gaps > 0]
    edges = np.linspace(np.log10(MIN_PAUSE_NS), np.log10(MAX_PAUSE_NS), 17)
    counts, _ = np.histogram(np.log10(np.maximum(gaps, 1)), edges)
    smooth = np.convolve(np.pad(counts, 1, mode="edge"), (0.25, 0.5, 0.25), mode="valid")
    lowest = int(np.argmin(smooth))
    return int(10 ** ((edges[lowest] + edges[lowest + 1]) / 2))


def find_requests(
    lines: LogLines,
    facts: LineFacts,
    mentions: Mentions,
    time_ns: NDArray[np.int64],
    pause: int,
    *,
    by_host: bool = False,
) -> Requests:
    """
    Return the requests that the mentions tell of.

    Args:
        lines: as columns.
        facts: what each line says of its time.
        mentions: of keys.
        time_ns: of each line, by the right clock as far as it is known.
        pause: a silence this long ends an episode.
        by_host: tell the visits of one service on two hosts apart, as whoever compares clocks must.

    """
    actor = lines.service.astype(np.int64)
    if by_host:
        actor = actor * len(lines.hosts) + lines.host
    order = np.lexsort((mentions.line, time_ns[mentions.line], mentions.key))
    key, line = mentions.key[order], mentions.line[order]
    times = time_ns[line]
    new = np.ones(len(key), np.bool_)
    new[1:] = (key[1:] != key[:-1]) | (times[1:] - times[:-1] > pause)
    begins = np.append(np.flatnonzero(new), len(key)).astype(np.int64)
    good = _good_episodes(key, actor[line], begins, times, pause)
    root = np.arange(len(time_ns), dtype=np.int64)
    _join(root, line, begins, good, _once(key, begins, good))
    visits, request_begins, request_of_root, visit_of_line = _visits(
        lines, facts, time_ns, actor, root, line, begins, good
    )
    episode_request = np.full(len(begins) - 1, -1, np.int64)
    if len(begins) > 1:
        episode_request[good] = request_of_root[root[line[begins[:-1][good]]]]
    shared = np.zeros((len(lines.services), len(lines.services)), np.int64)
    _share(shared, lines.service, line, begins, episode_request)
    return Requests(
        visits,
        request_begins,
        shared,
        key[begins[:-1]],
        begins,
        line,
        episode_request,
        visit_of_line,
    )


def _good_episodes(
    key: NDArray[np.uint64],
    actor: NDArray[np.int64],
    begins: NDArray[np.int64],
    times: NDArray[np.int64],
    pause: int,
) -> NDArray[np.bool_]:
    if len(begins) < 2:
        return np.zeros(0, np.bool_)
    starts = begins[:-1]
    sizes = np.diff(begins)
    several = np.minimum.reduceat(actor, starts) != np.maximum.reduceat(actor, starts)
    lasted = times[begins[1:] - 1] - times[starts] + pause
    first_of_key = np.flatnonzero(np.concatenate(([True], key[starts][1:] != key[starts][:-1])))
    many = np.diff(np.append(first_of_key, len(starts)))
    busy = np.add.reduceat(lasted, first_of_key)
    whole = max(int(times.max() - times.min()), 1)
    rare = np.repeat((busy <= MAX_BUSY_RATIO * whole) | (many == 1), many)
    return np.asarray(several & (sizes <= MAX_EPISODE_LINES) & rare)


def _once(
    key: NDArray[np.uint64], begins: NDArray[np.int64], good: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Tell which episodes are the only good one of their key."""
    if len(begins) < 2:
        return np.zeros(0, np.bool_)
    names, code = np.unique(key[begins[:-1]], return_inverse=True)
    return np.asarray(np.bincount(code, good, len(names))[code] <= 1)


def _visits(
    lines: LogLines,
    facts: LineFacts,
    time_ns: NDArray[np.int64],
    actor: NDArray[np.int64],
    root: NDArray[np.int64],
    line: NDArray[np.int64],
    begins: NDArray[np.int64],
    good: NDArray[np.bool_],
) -> tuple[Visits, NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    used = np.unique(line[np.repeat(good, np.diff(begins))])
    sizes = np.bincount(root[used], minlength=len(root)) if len(used) else np.zeros(len(root), int)
    used = used[sizes[root[used]] <= MAX_REQUEST_LINES]
    roots = root[used]
    order = np.lexsort((used, time_ns[used], actor[used], roots))
    used, roots = used[order], roots[order]
    request_roots, request = np.unique(roots, return_inverse=True)
    request_of_root = np.full(len(root), -1, np.int64)
    request_of_root[request_roots] = np.arange(len(request_roots))
    who = actor[used]
    new = np.ones(len(used), np.bool_)
    new[1:] = (request[1:] != request[:-1]) | (who[1:] != who[:-1])
    part = facts.part[used]
    new[1:] |= (part[1:] == ARRIVING) | (part[:-1] == DONE)
    starts = np.flatnonzero(new)
    visit_of_line = np.full(len(root), -1, np.int64)
    if len(starts) == 0:
        none = np.zeros(0, np.int64)
        small = none.astype(np.int32)
        empty = Visits(
            none, small, small, none, none, none.astype(np.uint8), small, none.astype(np.uint64)
        )
        return empty, np.zeros(1, np.int64), request_of_root, visit_of_line
    ends = np.append(starts[1:], len(used)) - 1
    length = facts.length_ns[used]
    began = time_ns[used] - np.maximum(length, 0)
    begin_ns = np.minimum.reduceat(began, starts)
    first, last = used[starts], used[ends]
    tells = (length[starts] >= 0) | (begin_ns < time_ns[first])
    knows = np.where((facts.moment[first] == ARRIVING) | tells, ARRIVING, 0)
    knows = knows | np.where(facts.moment[last] & DONE > 0, DONE, 0)
    # Where no word tells, the first of several lines is the nearest to the begin, the last to the end.
    several = time_ns[last] > time_ns[first]
    knows = knows | np.where(several & (facts.moment[first] == 0), ARRIVING, 0)
    knows = knows | np.where(several & (facts.moment[last] == 0), DONE, 0)
    visits = Visits(
        request=request[starts].astype(np.int64),
        service=lines.service[first],
        host=lines.host[first],
        begin_ns=begin_ns,
        end_ns=time_ns[last],
        knows=knows.astype(np.uint8),
        lines=(ends - starts + 1).astype(np.int32),
        sentence=facts.shape[first],
    )
    visit_of_line[used] = np.cumsum(new) - 1
    request_begins = np.searchsorted(visits.request, np.arange(len(request_roots) + 1))
    return visits, request_begins.astype(np.int64), request_of_root, visit_of_line


@kernel
def _root_of(root: Cells, at: int) -> int:
    while root[at] != at:
        root[at] = root[root[at]]
        at = root[at]
    return at


@kernel
def _join(root: Cells, line: Cells, begins: Cells, good: Cells, once: Cells) -> None:
    """
    Put lines that share an episode under the smallest of them.

    Keys of one episode first. One that lives on, such as a session's, joins nothing that these have
    told apart: it may be mentioned by two requests at once.
    """
    many = np.zeros(len(root), np.bool_)  # roots of more than one line after the first round
    for turn in range(2):
        for episode in range(len(begins) - 1):
            if not good[episode] or once[episode] != (turn == 0):
                continue
            first = _root_of(root, line[begins[episode]])
            if turn == 1:
                told, apart = -1, False
                for place in range(begins[episode], begins[episode + 1]):
                    other = _root_of(root, line[place])
                    if many[other]:
                        if told >= 0 and told != other:
                            apart = True
                            break
                        told = other
                if apart:
                    good[episode] = False
                    continue
            for place in range(begins[episode] + 1, begins[episode + 1]):
                other = _root_of(root, line[place])
                if other < first:
                    root[first] = other
                    many[other] |= many[first]
                    first = other
                elif other > first:
                    root[other] = first
                    many[first] |= many[other]
        if turn == 0:
            for place in range(len(root)):
                top = _root_of(root, place)
                if top != place:
                    many[top] = True
    for place in range(len(root)):
        root[place] = _root_of(root, place)


@kernel
def _share(shared: Cells, service: Cells, line: Cells, begins: Cells, request: Cells) -> None:
    present = np.zeros(shared.shape[0], np.bool_)
    listed = np.zeros(shared.shape[0], np.int64)
    for episode in range(len(begins) - 1):
        if request[episode] < 0:
            continue
        many = 0
        for place in range(begins[episode], begins[episode + 1]):
            who = service[line[place]]
            if not present[who]:
                present[who] = True
                listed[many] = who
                many += 1
        for first in range(many):
            present[listed[first]] = False
            for second in range(many):
                if first != second:
                    shared[listed[first], listed[second]] += 1
