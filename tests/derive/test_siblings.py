"""What other traces of a route show of one: the path is that of all of them learned from at once."""

from dataclasses import replace

import numpy as np
import pytest
from tests.derive.test_blocking_path_cases import FOUND

from tracepulse.derive.blocking_path import blocking_path
from tracepulse.derive.siblings import learn_from
from tracepulse.model.cohort import NodeName, PathSpans
from tracepulse.model.span import SpanColumns
from tracepulse.testing import DrawnSpan, case_spans, draw_spans, span_columns

KINDS = ("Unspecified", "Internal", "Server", "Client", "Producer", "Consumer")
LEARNED = sorted(name for name, parts in FOUND.items() if "others" in parts)
OWN = DrawnSpan("").trace_id


def _stored(
    columns: SpanColumns,
) -> tuple[PathSpans, dict[int, NodeName], dict[int, dict[str, str]]]:
    """Return spans as they leave the store for cohorts, and what their keys stand for."""
    names: dict[tuple[object, ...], int] = {}
    by_key: dict[int, NodeName] = {}
    resources: dict[tuple[tuple[str, str], ...], int] = {}
    node_keys, resource_keys = [], []
    for row in range(len(columns)):
        said = tuple(sorted(columns.attributes[row].items()))
        name = (columns.service[row], columns.name[row], columns.kind[row])
        node_keys.append(names.setdefault((*name, said), len(names)))
        by_key[node_keys[-1]] = NodeName(*name, dict(said))
        resource = tuple(sorted(columns.resource[row].items()))
        resource_keys.append(resources.setdefault(resource, len(resources)))
    ids = sorted({*columns.span_id.tolist(), ""} - {""})
    number = {"": 0} | {text: place + 1 for place, text in enumerate(ids)}
    traces = sorted(set(columns.trace_id.tolist()))
    spans = PathSpans(
        trace_key=np.array([traces.index(t) for t in columns.trace_id], np.uint64),
        span_id=np.array([number[i] for i in columns.span_id], np.uint64),
        parent_id=np.array([number.get(i, 10_000) for i in columns.parent_span_id], np.uint64),
        start_unix_ns=columns.start_unix_ns,
        duration_ns=columns.duration_ns,
        kind=np.array([KINDS.index(k) for k in columns.kind], np.uint8),
        node_key=np.array(node_keys, np.uint64),
        resource_key=np.array(resource_keys, np.uint64),
        failed=np.asarray(columns.status_code == "Error", np.bool_),
    )
    return spans, by_key, {key: dict(said) for said, key in resources.items()}


@pytest.mark.parametrize("name", LEARNED)
def test_siblings_show_what_all_traces_at_once_show(name: str) -> None:
    """Learning from stored numbers first, then reading one trace, gives the path of learning from all."""
    spans = case_spans(FOUND[name])
    everything = span_columns(spans)
    alone = span_columns([span for span in spans if span.trace_id == OWN])
    siblings = learn_from(*_stored(everything))
    assert siblings.traces == len({span.trace_id for span in spans})
    assert blocking_path(everything, OWN, learn=True) == blocking_path(alone, siblings=siblings)


def test_a_trace_that_lacks_hosts_is_read_by_what_was_learned_of_its_own() -> None:
    """Pairs of hosts are told apart alike in a trace that knows only some of them."""
    call = """
A Server gateway @h1    : [0,60)
  B Client              : [10,50)
    C Server cart @h2   : [{start},{end})
"""
    beyond = """
  D Client parent=A     : [51,59)
    E Server late @h9   : [52,58)
"""
    own = draw_spans(call.format(start=27, end=47))
    others = [
        replace(span, trace_id=f"{256 + number:032x}")
        for number in range(5)
        for span in draw_spans(call.format(start=18 + number % 3, end=54 - number % 3) + beyond)
    ]
    path = blocking_path(span_columns([*own, *others]), OWN, learn=True)
    assert ["clock_corrected"] == [note.reason for note in path.notes]


def test_requests_of_a_page_are_not_learned_from() -> None:
    """That requests of a page run at once elsewhere does not part its document from its picture."""
    page = "P web resource.telemetry.sdk.language=webjs name=documentLoad : [0,40)\n"
    one = "  R name=resourceFetch : [2,12)\n  I name=resourceFetch : [12,38)\n"
    other = "  R name=resourceFetch : [2,30)\n  I name=resourceFetch : [3,38)\n"
    own = draw_spans(page + one)
    others = [
        replace(span, trace_id=f"{256 + number:032x}")
        for number in range(5)
        for span in draw_spans(page + other)
    ]
    siblings = learn_from(*_stored(span_columns([*own, *others])))
    path = blocking_path(span_columns(own), siblings=siblings)
    assert ["P", "R", "I", "P"] == [section.span_id for section in path.sections]
