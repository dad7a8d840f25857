"""The order of services, read from ids that their log lines share."""

from tracepulse.derive.log_flows import episodes, log_edges, log_path
from tracepulse.model.log import LogRecord

MS = 1_000_000
S = 1_000 * MS


def line(at_ms: int, service: str, body: str, severity: int = 9) -> LogRecord:
    """Return one line."""
    return LogRecord(at_ms * MS, service, "", severity, body, "", "", {}, {}, "server_key")


def request(at_ms: int, name: str) -> list[LogRecord]:
    """One request, logged by each service when it is done with it."""
    return [
        line(at_ms, "gateway", f"[{name}] checkout begins"),
        line(at_ms + 9, "session", f"[{name}] GET /sessions 200 in 4 ms"),
        line(at_ms + 12, "checkout", f"[{name}] POST /pay 200 in 11 ms"),
        line(at_ms + 15, "gateway", f"[{name}] POST /checkout 200 in 15 ms"),
    ]


def test_callers_have_the_last_word() -> None:
    """Nested requests give the path from the outermost service in."""
    records = [r for i in range(5) for r in request(i * 5_000, f"req-00{i}a7f")]
    assert log_path(records, "session") == (("gateway", "checkout", "session"), 5)
    assert [(e.caller, e.callee) for e in log_edges(records)] == [
        ("checkout", "session"),
        ("gateway", "checkout"),
    ]


def test_order_of_lines_is_no_matter() -> None:
    """Shuffled lines give the same edges."""
    records = [r for i in range(5) for r in request(i * 5_000, f"req-00{i}a7f")]
    assert log_edges(records) == log_edges(records[::-1])


def test_a_long_lived_id_is_cut_into_episodes() -> None:
    """A session's login and its checkout a minute later are two stories."""
    first = [line(0, "session", "session 9f3c22 opened"), line(1, "gateway", "login 9f3c22")]
    later = [line(60_000, "gateway", "pay 9f3c22"), line(60_001, "cart", "paid 9f3c22")]
    assert [len(episode) for episode in episodes([*first, *later])] == [2, 2]


def test_words_versions_and_status_codes_are_no_ids() -> None:
    """Two services that write the same words share nothing."""
    records = [line(0, "a", "GET /checkout 200 version 1.8.3"), line(1, "b", "GET /checkout 200")]
    assert episodes(records) == ()
    assert log_path(records, "b") == ((), 0)


def test_a_later_step_is_not_on_the_way_to_the_one_that_fails() -> None:
    """Requests that succeed go on to the catalogue; those that fail at the session do not."""
    fine = [
        [
            *request(i * 5_000, f"req-00{i}a7f"),
            line(i * 5_000 + 11, "catalogue", f"[req-00{i}a7f] ok"),
        ]
        for i in range(20)
    ]
    broken = [
        [
            *request(i * 5_000, f"req-0{i}b9c"),
            line(i * 5_000 + 11, "checkout", f"[req-0{i}b9c] no", 17),
        ]
        for i in range(40, 45)
    ]
    path, _ = log_path([r for rows in (*fine, *broken) for r in rows], "session")
    assert path == ("gateway", "checkout", "session")
