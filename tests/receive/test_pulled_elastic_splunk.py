"""Documents and events fetched from Elasticsearch, OpenSearch and Splunk: all of them, once."""

from collections import Counter
from pathlib import Path
from typing import Literal

import pytest
from tests.receive.elastic_stand_in import ElasticStandIn, elastic_stand_in
from tests.receive.pulled_hand import DAY, HOUR, NOW, PulledJournal, S, StandingClock, connected
from tests.receive.splunk_stand_in import SplunkStandIn, splunk_stand_in

from tracepulse.errors import BadSetting, SourceFailure
from tracepulse.instants import rfc3339
from tracepulse.receive.pull.configured import Connector, Secret
from tracepulse.receive.pull.connectors import Connectors, prove

OVERLAP = 120 * S


def _elastic(elastic: ElasticStandIn, page: int = 5000) -> Connector:
    kind: Literal["opensearch", "elasticsearch"] = (
        "opensearch" if elastic.is_opensearch else "elasticsearch"
    )
    return Connector("shop", kind, elastic.url, follow=False, page_records=page)


def _splunk(splunk: SplunkStandIn, page: int = 5000) -> Connector:
    return Connector("shop", "splunk", splunk.url, "index=main", follow=False, page_records=page)


@pytest.mark.parametrize(
    ("is_opensearch", "knows_shard_doc"), [(False, True), (True, True), (True, False)]
)
@pytest.mark.parametrize("ties", [1, 7, 150])
def test_every_document_comes_once_however_pages_cut(
    tmp_path: Path, is_opensearch: bool, knows_shard_doc: bool, ties: int
) -> None:
    """Documents of one instant that a page cuts in two are neither lost nor doubled."""
    with elastic_stand_in(is_opensearch, knows_shard_doc) as elastic:
        for number in range(450):
            at = rfc3339(NOW - HOUR + number // ties * S + number % ties)
            elastic.put({"@timestamp": at, "message": f"line {number}", "log.level": "info"})
        with connected(_elastic(elastic, page=40), tmp_path) as hand:
            first = hand.fetch(NOW - 2 * HOUR, NOW)
            again = hand.fetch(NOW - 2 * HOUR, NOW)
            bodies = hand.journal.bodies()
        assert {} == elastic.open_views
    assert ((), 450, 0) == (first.left_out, first.records, again.records)
    assert Counter(f"line {n}" for n in range(450)) == Counter(bodies)


def test_ecs_fields_become_those_of_opentelemetry(tmp_path: Path) -> None:
    """Service, host, level, trace and finer times of a document are on the record."""
    with elastic_stand_in() as elastic:
        elastic.put(
            {
                "@timestamp": rfc3339(NOW - HOUR + 123_456_789),
                "message": "cannot pay",
                "log": {"level": "ERROR", "logger": "shop.till"},
                "service": {"name": "checkout", "version": "1.2"},
                "host": {"name": "web-1"},
                "trace": {"id": "5b8efff798038103d269b633813fc60c"},
                "span": {"id": "eee19b7ec3c1b174"},
                "error": {"stack_trace": "at Till.pay"},
            }
        )
        with connected(_elastic(elastic), tmp_path) as hand:
            hand.fetch(NOW - DAY, NOW)
            ((resource, record),) = hand.journal.records
    attributes = {p.key: p.value.string_value for p in record.attributes}
    assert ("checkout", "1.2") == (resource["service.name"], resource["service.version"])
    assert "web-1" == resource["host.name"]
    assert (17, "cannot pay") == (record.severity_number, record.body.string_value)
    assert NOW - HOUR + 123_456_789 == record.time_unix_nano
    assert "5b8efff798038103d269b633813fc60c" == record.trace_id.hex()
    assert "eee19b7ec3c1b174" == record.span_id.hex()
    assert "at Till.pay" == attributes["exception.stacktrace"]
    assert "d0" == attributes["elasticsearch.id"]


@pytest.mark.parametrize("kind", ["loki", "elasticsearch", "splunk"])
def test_a_token_of_two_lines_is_refused_and_not_shown(
    tmp_path: Path, kind: Literal["loki", "elasticsearch", "splunk"]
) -> None:
    """A file with more than the token in it is told before anything is sent, without its text."""
    file = tmp_path / "token"
    file.write_text("secret-one\nsecret-two\n")
    token = Secret(file=str(file))
    connector = Connector("shop", kind, "http://127.0.0.1:9", '{a="b"}', token=token)
    with pytest.raises(BadSetting, match="more than the token") as told:
        prove(connector, NOW)
    assert "secret" not in str(told.value)


def test_a_document_whose_place_is_too_large_costs_itself_alone(tmp_path: Path) -> None:
    """What names its host with a book is counted, and all around it is taken."""
    with elastic_stand_in() as elastic:
        for number in range(9):
            host = "h" * 300_000 if number == 4 else "web-1"
            at = rfc3339(NOW - HOUR + number * S)
            elastic.put({"@timestamp": at, "message": f"line {number}", "host": {"name": host}})
        with connected(_elastic(elastic), tmp_path) as hand:
            fetched = hand.fetch(NOW - DAY, NOW)
            again = hand.fetch(NOW - DAY, NOW)
            bodies = hand.journal.bodies()
    assert (8, 1, None) == (fetched.records, fetched.rejected, fetched.failure)
    assert (0, ()) == (again.records, again.left_out)
    assert [f"line {number}" for number in range(9) if number != 4] == sorted(bodies)


def test_hits_that_are_none_are_a_failure_of_the_source(tmp_path: Path) -> None:
    """An answer of another shape than documented is told, and what it said is not taken."""
    with elastic_stand_in() as elastic:
        elastic.put({"@timestamp": rfc3339(NOW - HOUR), "message": "there"})
        answer = elastic.answer
        strange = iter(
            [
                {"hits": {"hits": [{"_id": "1"}]}},
                {"hits": {"hits": [7]}},
                {"hits": {"hits": {"a": 1}}},
            ]
        )

        def strangely(method: str, path: str, asked: object, key: str) -> tuple[int, object]:
            odd = next(strange, None) if path == "/_search" else None
            return answer(method, path, asked, key) if odd is None else (200, odd)

        elastic.answer = strangely  # type: ignore[method-assign]
        with connected(_elastic(elastic), tmp_path) as hand:
            failures = [hand.fetch(NOW - DAY, NOW).failure for _ in range(4)]
            assert 1 == len(hand.journal.records)
    assert [True, True, True, False] == [failure is not None for failure in failures]


def test_documents_at_the_edge_of_what_is_read_for_good_come_once(tmp_path: Path) -> None:
    """A millisecond that is cut by the overlap's end is neither lost nor doubled."""
    with elastic_stand_in() as elastic:
        for number in range(20):
            at = rfc3339(NOW - OVERLAP + number * 1_000_000)
            elastic.put({"@timestamp": at, "message": f"line {number}"})
        with connected(_elastic(elastic), tmp_path) as hand:
            for number in range(15):
                hand.clock.unix_ns = NOW + number * 1_300_000 + 456_789
                hand.fetch(NOW - HOUR, NOW)
            bodies = hand.journal.bodies()
    assert Counter(f"line {number}" for number in range(20)) == Counter(bodies)


def test_events_at_the_edge_of_what_is_read_for_good_come_once(tmp_path: Path) -> None:
    """A microsecond that is cut by the overlap's end is neither lost nor doubled."""
    with splunk_stand_in() as splunk:
        for number in range(20):
            splunk.put((NOW - OVERLAP) // 1_000_000 + number, f"line {number}")
        with connected(_splunk(splunk), tmp_path) as hand:
            for number in range(7):
                hand.clock.unix_ns = NOW + number * 3_000_000 + 789
                hand.fetch(NOW - HOUR, NOW)
            bodies = hand.journal.bodies()
    assert Counter(f"line {number}" for number in range(20)) == Counter(bodies)


@pytest.mark.parametrize("is_opensearch", [False, True])
@pytest.mark.parametrize(
    ("where", "odd"),
    [
        ("time", {"_shards": {"total": 5, "failed": 1}}),
        ("_pit", {"_shards": {"total": 5, "failed": 1}}),
        ("_search", {"_clusters": {"total": 2, "successful": 1, "skipped": 1}}),
    ],
)
def test_a_view_without_all_shards_or_clusters_is_not_taken_for_whole(
    tmp_path: Path, is_opensearch: bool, where: str, odd: dict[str, object]
) -> None:
    """A point in time that lacks shards answers each search as if there were no others."""
    with elastic_stand_in(is_opensearch) as elastic:
        elastic.put({"@timestamp": rfc3339(NOW - HOUR), "message": "there"})
        answer, told = elastic.answer, [odd]

        def partly(method: str, path: str, asked: object, key: str) -> tuple[int, object]:
            status, content = answer(method, path, asked, key)
            if method == "POST" and path.endswith(where) and told:
                content |= told.pop()
            return status, content

        elastic.answer = partly  # type: ignore[method-assign]
        with connected(_elastic(elastic), tmp_path) as hand:
            failure = hand.fetch(NOW - DAY, NOW).failure
            missed = not told
            again = hand.fetch(NOW - DAY, NOW)
            bodies = hand.journal.bodies()
    assert missed == (failure is not None)
    assert (["there"], ()) == (bodies, again.left_out)


@pytest.mark.parametrize("text", [None, "no certificate"])
def test_certificates_that_cannot_be_read_are_told_at_the_start(
    tmp_path: Path, text: str | None
) -> None:
    """A server does not begin with a connector that would never look."""
    file = tmp_path / "ca.pem"
    if text is not None:
        file.write_text(text)
    connector = Connector("shop", "elasticsearch", "https://127.0.0.1:9", ca_file=str(file))
    with pytest.raises(BadSetting, match=r"ca\.pem cannot be read"):
        Connectors((connector,), tmp_path, PulledJournal(), StandingClock(), 30)


def test_an_answer_without_all_shards_is_not_taken_for_whole(tmp_path: Path) -> None:
    """What some shards said alone would be taken for all there is."""
    with elastic_stand_in() as elastic:
        elastic.put({"@timestamp": rfc3339(NOW - HOUR), "message": "there"})
        elastic.failed_shards = 2
        with connected(_elastic(elastic), tmp_path) as hand:
            failure = hand.fetch(NOW - DAY, NOW).failure
            assert "2 of 5 shards did not answer" in str(failure)
            assert 1 == hand.fetch(NOW - DAY, NOW).records


def test_a_day_of_a_month_of_documents_stays_within_its_bytes(tmp_path: Path) -> None:
    """No more is read than the budget, and the number of those left out is told."""
    with elastic_stand_in() as elastic:
        for number in range(30 * 200):
            at = rfc3339(NOW - 29 * DAY + number * 400 * S)
            elastic.put({"@timestamp": at, "message": f"line {number} " + "x" * 300})
        with connected(_elastic(elastic), tmp_path) as hand:
            before = elastic.sent_bytes
            fetched = hand.fetch(NOW - 10 * DAY, NOW - 9 * DAY, max_bytes=40_000)
            sent = elastic.sent_bytes - before
    (left,) = fetched.left_out
    assert fetched.bytes_read <= 40_000
    assert sent <= 40_000 + 500  # the count of what was left out and the end of the view
    # The last one read is counted among the rest: others may have its time.
    assert 217 == fetched.records + (left.estimate.records or 0)
    assert 0 < fetched.records < 216


def test_every_event_of_splunk_comes_once(tmp_path: Path) -> None:
    """Slices are halved until they fit a page; equal events at one instant stay several."""
    with splunk_stand_in() as splunk:
        for number in range(600):
            splunk.put((NOW - HOUR) // 10**6 + number // 3 * 250, f"level=warn order={number}")
        for _ in range(2):
            splunk.put((NOW - HOUR) // 10**6, "level=warn equal")
        with connected(_splunk(splunk, page=100), tmp_path) as hand:
            first = hand.fetch(NOW - DAY, NOW)
            again = hand.fetch(NOW - DAY, NOW)
            records = hand.journal.records
    assert ((), 602, 0) == (first.left_out, first.records, again.records)
    attributes = [{p.key: p.value.string_value for p in r.attributes} for _, r in records]
    assert Counter(range(600)) == Counter(int(a["order"]) for a in attributes if "order" in a)
    assert {13} == {record.severity_number for _, record in records if record.severity_number}
    resource = records[0][0]
    assert ("web-1", "main") == (resource["host.name"], resource["com.splunk.index"])
    assert "search index=main" == splunk.searches[0]["search"]


def test_an_export_that_is_cut_off_or_fails_is_asked_again(tmp_path: Path) -> None:
    """Neither is taken for an answer: the events come with the next question."""
    with splunk_stand_in() as splunk:
        splunk.put((NOW - HOUR) // 10**6, "there")
        with connected(_splunk(splunk), tmp_path) as hand:
            splunk.cut_next = True
            cut = hand.fetch(NOW - HOUR - 10 * S, NOW - HOUR + 10 * S)
            splunk.fail_next = "Unknown search command 'fro'."
            failed = hand.fetch(NOW - HOUR - 10 * S, NOW - HOUR + 10 * S)
            assert [] == hand.journal.records
            assert 1 == hand.fetch(NOW - HOUR - 10 * S, NOW - HOUR + 10 * S).records
    assert "ended before its last row" in str(cut.failure)
    assert "Unknown search command 'fro'." in str(failed.failure)


def test_a_month_of_events_stays_within_its_bytes(tmp_path: Path) -> None:
    """An export that would be too long is ended, and no more is read than the budget."""
    with splunk_stand_in() as splunk:
        for number in range(29 * 500):
            splunk.put(
                (NOW - 29 * DAY) // 10**6 + number * 172_800, f"number={number} " + "y" * 200
            )
        with connected(_splunk(splunk), tmp_path) as hand:
            fetched = hand.fetch(NOW - 10 * DAY, NOW - 9 * DAY, max_bytes=150_000)
    (left,) = fetched.left_out
    assert fetched.bytes_read <= 150_000
    assert 500 == fetched.records + (left.estimate.records or 0)


def test_a_connection_is_proved_with_what_answers_and_what_it_has(tmp_path: Path) -> None:
    """The proof names server and services; a wrong key is told with what to do."""
    with elastic_stand_in() as elastic:
        elastic.put({"@timestamp": rfc3339(NOW - 60 * S), "message": "a", "service.name": "till"})
        proof = prove(_elastic(elastic), NOW)
        assert ("Elasticsearch 8.19.0", 1, ("till",)) == (
            proof.server,
            proof.records,
            proof.services,
        )
        elastic.api_key = "secret"
        with pytest.raises(SourceFailure, match="401: missing authentication credentials"):
            prove(_elastic(elastic), NOW)
