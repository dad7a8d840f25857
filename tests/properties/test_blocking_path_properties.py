"""What holds for the blocking path of every trace, however odd."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.properties.path_reference import reference_path

from tracepulse.derive.blocking_path import BlockingPath, blocking_path
from tracepulse.testing import DrawnSpan, canonical_bytes, span_columns

KINDS = ("Unspecified", "Internal", "Server", "Client", "Producer", "Consumer")
IDS = [f"{i:016x}" for i in range(1, 13)]
LOST = "f" * 16

HOSTS = ("", "h1", "h2", "h3")


@st.composite
def tangled(draw: st.DrawFn, hosts: tuple[str, ...] = ("",)) -> list[DrawnSpan]:
    """Spans with any parents: missing, circular, themselves, the same id twice."""
    size = draw(st.integers(1, 12))
    return [
        DrawnSpan(
            span_id=draw(st.sampled_from(IDS)),
            parent_span_id=draw(st.sampled_from(["", LOST, *IDS])),
            start_unix_ns=draw(st.integers(0, 24)),
            duration_ns=draw(st.integers(0, 24)),
            kind=draw(st.sampled_from(KINDS)),
            service=draw(st.sampled_from(["a", "b"])),
            host=draw(st.sampled_from(hosts)),
            name="x",
        )
        for _ in range(size)
    ]


@st.composite
def trees(draw: st.DrawFn, hosts: tuple[str, ...] = ("",)) -> list[DrawnSpan]:
    """One tree, most of whose spans lie in their parents, with many equal times."""
    spans = [DrawnSpan(IDS[0], "", 0, draw(st.integers(1, 40)), "Server", "a", "x", hosts[-1])]
    for span_id in IDS[1 : draw(st.integers(2, 12))]:
        parent = draw(st.sampled_from(spans))
        spans.append(
            DrawnSpan(
                span_id,
                parent.span_id,
                parent.start_unix_ns + draw(st.integers(-3, max(parent.duration_ns, 1))),
                draw(st.integers(0, parent.duration_ns + 3)),
                draw(st.sampled_from(KINDS)),
                draw(st.sampled_from(["a", "b"])),
                "x",
                draw(st.sampled_from(hosts)),
            )
        )
    return spans


def _held(path: BlockingPath) -> list[str]:
    """Return who holds each nanosecond."""
    return [section.span_id for section in path.sections for _ in range(section.duration_ns)]


@given(trees() | tangled())
@settings(max_examples=300, deadline=None)
def test_agrees_with_the_obvious_method(spans: list[DrawnSpan]) -> None:
    """Every nanosecond is blamed on the span that the slow method blames."""
    path = blocking_path(span_columns(spans))
    assert (path.root_span_id, _held(path)) == reference_path(spans)


@given(trees(HOSTS) | tangled(HOSTS))
@settings(max_examples=200, deadline=None)
def test_sections_tile_the_root(spans: list[DrawnSpan]) -> None:
    """Sections are not empty, follow each other, and fill the root, with clocks moved or not."""
    path = blocking_path(span_columns(spans))
    ends = [section.end_unix_ns for section in path.sections]
    starts = [section.start_unix_ns for section in path.sections]
    assert [path.start_unix_ns, *ends] == [*starts, path.end_unix_ns]
    assert all(start < end for start, end in zip(starts, ends, strict=True))


@given(trees(HOSTS) | tangled(HOSTS), st.randoms(use_true_random=False))
@settings(max_examples=200, deadline=None)
def test_order_of_spans_does_not_matter(spans: list[DrawnSpan], random: object) -> None:
    """Any permutation gives the same bytes."""
    shuffled = list(spans)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    expected = canonical_bytes(blocking_path(span_columns(spans)))
    assert canonical_bytes(blocking_path(span_columns(shuffled))) == expected


@st.composite
def honest_calls(draw: st.DrawFn) -> list[DrawnSpan]:
    """Calls between hosts whose clocks agree, each with as long a way there as back."""
    spans = [DrawnSpan("00", "", 0, 10_000, "Server", "s0", "x", "h0")]
    servers = [spans[0]]
    for number in range(1, draw(st.integers(2, 7))):
        caller = draw(st.sampled_from(servers))
        start = caller.start_unix_ns + draw(st.integers(0, caller.duration_ns // 2))
        length = draw(st.integers(6, max(6, caller.duration_ns // 2)))
        latency = draw(st.integers(0, length // 2 - 1))
        service, host = caller.service, caller.host
        client = DrawnSpan(
            f"{number}c", caller.span_id, start, length, "Client", service, "x", host
        )
        target = draw(st.sampled_from([h for h in ("h0", "h1", "h2", "h3") if h != host]))
        server = DrawnSpan(
            f"{number}s",
            client.span_id,
            start + latency,
            length - 2 * latency,
            "Server",
            f"of {target}",
            "x",
            target,
        )
        spans += [client, server]
        servers.append(server)
    return spans


@given(honest_calls(), st.lists(st.sampled_from([-50_000, 0, 30_000]), min_size=3, max_size=3))
@settings(max_examples=200, deadline=None)
def test_clocks_that_are_off_are_put_right(spans: list[DrawnSpan], ahead: list[int]) -> None:
    """Moving whole hosts by more than any call takes is undone to the nanosecond, and said."""
    by_host = {"h0": 0, **dict(zip(("h1", "h2", "h3"), ahead, strict=True))}
    moved = [replace(s, start_unix_ns=s.start_unix_ns + by_host[s.host]) for s in spans]
    honest, path = (blocking_path(span_columns(given)) for given in (spans, moved))
    assert path.sections == honest.sections
    present = {span.host for span in spans}
    expected = [by_host[host] for host in sorted(present) if by_host[host]]
    assert [note.amount_ns for note in path.notes if note.reason == "clock_corrected"] == expected


@given(st.lists(trees(HOSTS) | tangled(HOSTS), min_size=1, max_size=4), st.randoms())
@settings(max_examples=120, deadline=None)
def test_what_is_learned_breaks_nothing(traces: list[list[DrawnSpan]], random: object) -> None:
    """With what many traces show, sections still tile the root, whatever order spans come in."""
    spans = [
        replace(span, trace_id=f"{number:032x}")
        for number, trace in enumerate(traces)
        for span in trace
    ]
    shuffled = list(spans)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    for number in range(len(traces)):
        path = blocking_path(span_columns(spans), f"{number:032x}", learn=True)
        edges = [path.start_unix_ns, *(section.end_unix_ns for section in path.sections)]
        assert [section.start_unix_ns for section in path.sections] == edges[:-1]
        assert edges[-1] == path.end_unix_ns
        again = blocking_path(span_columns(shuffled), f"{number:032x}", learn=True)
        assert canonical_bytes(again) == canonical_bytes(path)
