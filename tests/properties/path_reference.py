"""
A slow, obvious blocking path: asks for every nanosecond of the root who held it up.

Shares no code with the fast one. Traces of a dozen spans and a few dozen nanoseconds only.
"""

from collections.abc import Sequence

from tracepulse.testing import DrawnSpan

_KINDS = ["Unspecified", "Internal", "Server", "Client", "Producer", "Consumer"]


def reference_path(spans: Sequence[DrawnSpan]) -> tuple[str, list[str]]:
    """Return the root's id and, for each of its nanoseconds, who held it."""
    kept = _without_duplicates(spans)
    linked = _parents(kept)
    parents = _without_cycles(linked)
    tops = [span for span in parents if parents[span] is None]
    root = min(tops, key=lambda span: (_root_class(span, linked), *_precedence(span)))
    instants = range(root.start_unix_ns, _end(root))
    return root.span_id, [
        _holder(root, parents, instants.start, instants.stop, x) for x in instants
    ]


def _end(span: DrawnSpan) -> int:
    return span.start_unix_ns + span.duration_ns


def _precedence(span: DrawnSpan) -> tuple[int, int, str, int]:
    return span.start_unix_ns, -span.duration_ns, span.span_id, _KINDS.index(span.kind)


def _root_class(span: DrawnSpan, linked: dict[DrawnSpan, DrawnSpan | None]) -> int:
    """No parent named; a parent named that is missing; a cycle that was cut."""
    if linked[span] is not None or span.parent_span_id == span.span_id:
        return 2
    return 1 if span.parent_span_id else 0


def _without_duplicates(spans: Sequence[DrawnSpan]) -> list[DrawnSpan]:
    """Keep the longest of each id; both halves of a client and server that share one."""

    def rank(span: DrawnSpan) -> tuple[int, int, int, str]:
        return -span.duration_ns, span.start_unix_ns, _KINDS.index(span.kind), span.parent_span_id

    kept = []
    for span_id in sorted({span.span_id for span in spans}):
        same = sorted((s for s in spans if s.span_id == span_id), key=rank)
        servers = [s for s in same if s.kind == "Server"]
        others = [s for s in same if s.kind != "Server"]
        shared = bool(servers and others and others[0].kind == "Client")
        kept += [others[0], servers[0]] if shared else [same[0]]
    return kept


def _parents(kept: list[DrawnSpan]) -> dict[DrawnSpan, DrawnSpan | None]:
    by_id = {span.span_id: span for span in kept}  # of two halves the server, which comes last
    halves = {span.span_id: span for span in reversed(kept)}
    parents: dict[DrawnSpan, DrawnSpan | None] = {}
    for span in kept:
        half = halves[span.span_id]
        parents[span] = half if half is not span else by_id.get(span.parent_span_id)
    return {span: None if parent is span else parent for span, parent in parents.items()}


def _without_cycles(
    parents: dict[DrawnSpan, DrawnSpan | None],
) -> dict[DrawnSpan, DrawnSpan | None]:
    cut = dict(parents)
    for span in parents:
        chain = [span]
        while (above := cut[chain[-1]]) is not None and above not in chain:
            chain.append(above)
        if above is not None:
            cycle = chain[chain.index(above) :]
            cut[min(cycle, key=_precedence)] = None
    return cut


def _holder(
    span: DrawnSpan, parents: dict[DrawnSpan, DrawnSpan | None], low: int, high: int, x: int
) -> str:
    """Return who is to blame for instant x, within a span that counts for [low, high)."""
    until = high
    while True:
        ended = []
        for child in (c for c, parent in parents.items() if parent is span):
            start, end = max(child.start_unix_ns, low), min(_end(child), high)
            if start < end <= until and not _is_asynchronous(child, span):
                ended.append((-end, child.start_unix_ns, child.span_id, start, child))
        if not ended:
            return span.span_id
        ended.sort(key=lambda found: found[:3])
        end, _, _, until, child = ended[0]
        if x >= -end:
            return span.span_id
        if x >= until:
            return _holder(child, parents, until, -end, x)


def _is_asynchronous(child: DrawnSpan, parent: DrawnSpan) -> bool:
    crossed = parent.kind == "Producer" or parent.service != child.service
    return child.kind == "Consumer" and crossed
