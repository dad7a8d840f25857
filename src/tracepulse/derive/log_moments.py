"""
Whether a line tells of arriving or of being done, learned where its words do not say.

A sentence that is a service's first word on a request whenever it writes several, and never its last,
tells of arriving; one that is always the last tells of being done. Sentences are known by their shape.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tracepulse.derive.log_episodes import Requests
from tracepulse.derive.log_tokens import ARRIVING, DONE, LineFacts, LogLines

__all__ = ["learn_moments"]

MIN_VISITS = 5
MIN_PLACE_RATIO = 0.9
MIN_WORD_RATIO = 0.6
"""A sentence that says the same in most of its lines says it in all."""
MIN_PART_RATIO = 0.3
"""A sentence that is first so often, of all its lines, begins a piece of work whenever it is written."""


def learn_moments(lines: LogLines, facts: LineFacts, requests: Requests) -> LineFacts:
    """Return the facts with the moment of lines filled in whose words do not tell."""
    shape = facts.shape ^ (lines.service.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15))
    names, code = np.unique(shape, return_inverse=True)
    visits, place = requests.visits, requests.visit_of_line
    inside = np.flatnonzero(place >= 0)
    order = inside[np.lexsort((inside, place[inside]))]
    owner = place[order]
    edge = np.flatnonzero(np.diff(owner, prepend=-1))
    first, last = order[edge], order[np.append(edge[1:], len(order)) - 1]
    typical = _typical_lines(visits.service, visits.lines, len(lines.services))
    several = (visits.lines[owner[edge]] >= 2) & (
        visits.lines[owner[edge]] <= typical[visits.service[owner[edge]]]
    )
    firsts = np.bincount(code[first[several]], minlength=len(names))
    lasts = np.bincount(code[last[several]], minlength=len(names))
    chosen = np.repeat(several, np.diff(np.append(edge, len(order))))
    seen = np.maximum(np.bincount(code[order[chosen]], minlength=len(names)), 1)
    learned = np.zeros(len(names), np.uint8)
    learned[(firsts >= MIN_PLACE_RATIO * seen) & (firsts >= MIN_VISITS)] = ARRIVING
    learned[(lasts >= MIN_PLACE_RATIO * seen) & (lasts >= MIN_VISITS)] = DONE
    moment = facts.moment.copy()
    # Both words in one sentence say nothing, unless it also says how long it took.
    moment[(moment == ARRIVING | DONE) & (facts.length_ns < 0)] = 0
    moment[moment == ARRIVING | DONE] = DONE
    moment = np.where(moment == 0, learned[code], moment).astype(np.uint8)
    # Lines of work done twice stand in one visit still: the sentence is the first one of a part of them.
    more = visits.lines[owner[edge]] >= 2
    inside_more = order[np.repeat(more, np.diff(np.append(edge, len(order))))]
    often = np.maximum(np.bincount(code[inside_more], minlength=len(names)), 1) * MIN_PART_RATIO
    opens = np.bincount(code[first[more]], minlength=len(names)) >= often
    closes = np.bincount(code[last[more]], minlength=len(names)) >= often
    part = np.where(opens[code] & (moment == ARRIVING), ARRIVING, 0)
    part |= np.where(closes[code] & (moment == DONE), DONE, 0)
    return replace(facts, moment=moment, part=part.astype(np.uint8))


def _typical_lines(
    service: NDArray[np.int32], lines: NDArray[np.int32], services: int
) -> NDArray[np.int64]:
    """Return the most frequent number of lines of a visit by service, of those with several."""
    typical = np.full(services, 2, np.int64)
    for one in range(services):
        mine = lines[(service == one) & (lines >= 2)]
        if len(mine):
            typical[one] = int(np.argmax(np.bincount(mine)))
    return typical
