"""
Flows from few log lines: ids that several services mention tell in which order they took part.

For an incident, where a handful of requests must do; `log_graph.py` reads many. A token that looks like an id and that two or more services mention within a moment
is a correlation key; its mentions without a pause make one episode, much like a request:

    gateway    begins                                          401 in 20 ms
    checkout            session check, try 2   checkout failed
    session        SESSION_DROP      SESSION_DROP
               ---------------------------------------------> time

A caller has its last word after the one it called, since services log a request when it is done; one
that mentions the id both before and after another encloses it, which is surer still. Where every
service writes only as a request arrives, the order comes out reversed: the edge's sureness says how
often the mentions agreed.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from tracepulse.derive.limits.detection import LOG_ERROR_SEVERITY
from tracepulse.derive.log_graph import record_graph
from tracepulse.model.flow import FlowEdge, LoggedEdge
from tracepulse.model.log import LogRecord

__all__ = ["episodes", "log_edges", "log_path", "logged_edges"]

ID_TOKEN = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{5,63}")
"""Six characters and more; `_looks_like_id` says which of them count."""
MAX_BODY_CHARS = 2_000
EPISODE_GAP_NS = 2 * 1_000_000_000
"""A pause this long in the mentions of an id ends an episode: sessions live on, requests do not."""
MIN_ORDER_SHARE = 0.1
"""An order seen less often than a tenth of the most frequent one is an accident."""
MAX_MENTIONS = 200
"""An episode with more lines names a thing (a product, a host), not a request."""

Mention = tuple[int, str, bool]
"""Time, service, and whether the line is an error."""


def episodes(records: Iterable[LogRecord]) -> tuple[tuple[Mention, ...], ...]:
    """Return the mentions of each id by two or more services within a moment, by id and time."""
    mentions: dict[str, set[Mention]] = defaultdict(set)
    for record in records:
        for token in _tokens(record):
            loud = record.severity_number >= LOG_ERROR_SEVERITY
            mentions[token].add((record.time_unix_ns, record.service, loud))
    found = []
    for token in sorted(mentions):
        for episode in _split(sorted(mentions[token])):
            if len({service for _, service, _ in episode}) >= 2 and len(episode) <= MAX_MENTIONS:
                found.append(tuple(episode))
    return tuple(found)


def _split(mentions: Sequence[Mention]) -> Iterable[list[Mention]]:
    episode: list[Mention] = []
    for mention in mentions:
        if episode and mention[0] - episode[-1][0] > EPISODE_GAP_NS:
            yield episode
            episode = []
        episode.append(mention)
    if episode:
        yield episode


def _tokens(record: LogRecord) -> set[str]:
    texts = [record.body[:MAX_BODY_CHARS], *record.attributes.values()]
    found = {token for text in texts for token in ID_TOKEN.findall(text) if _looks_like_id(token)}
    if record.trace_id:
        found.add(record.trace_id)
    return found


def _looks_like_id(token: str) -> bool:
    """Tell ids from words, versions, dates and status numbers: letters and digits mixed, or long."""
    digits = sum(character.isdigit() for character in token)
    letters = sum(character.isalpha() for character in token)
    if letters == 0:
        return digits >= 8 and "-" not in token
    return digits >= 2 and digits + letters >= 6


def log_edges(records: Iterable[LogRecord]) -> tuple[FlowEdge, ...]:
    """
    Return who seems to call whom, by (caller, callee).

    `calls` counts the episodes in which the two stand next to each other in the order of calling;
    `sureness_ratio` is the share of them that show this direction.
    """
    shown: Counter[tuple[str, str]] = Counter()
    for episode in episodes(records):
        order = _calling_order(episode)
        shown.update(zip(order, order[1:], strict=False))
    edges = []
    for first, second in sorted({(min(pair), max(pair)) for pair in shown}):
        there, back = shown[first, second], shown[second, first]
        caller, callee = (first, second) if there >= back else (second, first)
        edges.append(
            FlowEdge(
                caller=caller,
                callee=callee,
                connection="logs",
                calls=there + back,
                errors=0,
                inferred_from="logs",
                sureness_ratio=round(max(there, back) / (there + back), 4),
            )
        )
    return tuple(sorted(edges, key=lambda edge: (edge.caller, edge.callee)))


def logged_edges(records: Iterable[LogRecord]) -> tuple[LoggedEdge, ...]:
    """
    Return who calls whom as many lines tell it together, by (caller, callee).

    Where `log_edges` makes do with a handful of lines, this wants many requests, takes nothing for an
    edge that a path explains, and leaves out what cannot be told (see `log_graph`).
    """
    return tuple(
        LoggedEdge(
            caller=edge.caller,
            callee=edge.callee,
            evidence=edge.requests,
            agreement_ratio=edge.agreement_ratio,
            first_unix_ns=edge.first_seen_unix_ns,
            last_unix_ns=edge.last_seen_unix_ns,
        )
        for edge in record_graph(records).edges
    )


def log_path(records: Iterable[LogRecord], towards: str) -> tuple[tuple[str, ...], int]:
    """
    Return the services from the outermost to `towards` as shared ids most often show them.

    Where episodes hold an error line, only those count: what a request does after the step that
    fails looks like a step on the way to it, and failing requests do not get there.

    Returns:
        The path, () when no id leads there, and how many episodes show it.

    """
    orders: Counter[tuple[str, ...]] = Counter()
    leading = [e for e in episodes(records) if towards in _calling_order(e)[1:]]
    failing = [e for e in leading if any(loud for _, _, loud in e)]
    for episode in failing or leading:
        order = _calling_order(episode)
        orders[order[: order.index(towards) + 1]] += 1
    if not orders:
        return (), 0
    # An id that only some services mention shows a part of the way and supports the whole of it.
    often = max(orders.values())
    support = {
        order: sum(orders[part] for part in orders if _is_part(part, order))
        for order in orders
        if orders[order] >= MIN_ORDER_SHARE * often
    }
    best = min(support, key=lambda order: (-support[order], -len(order), order))
    return best, support[best]


def _is_part(part: tuple[str, ...], order: tuple[str, ...]) -> bool:
    rest = iter(order)
    return all(service in rest for service in part)


def _calling_order(episode: Sequence[Mention]) -> tuple[str, ...]:
    """Return the services of one episode, outermost first: by last word, then by first word."""
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    for time, service, _ in episode:
        first.setdefault(service, time)
        last[service] = time
    return tuple(sorted(first, key=lambda service: (-last[service], first[service], service)))
