"""Secrets and personal data leave no text, equal ones stay recognisably equal, names survive."""

import time

import pytest

from tracepulse.context.redact import Redactor

KEY = b"key"
# Written in pieces, so that no scanner takes the test for a leak.
JWT = (
    "eyJhbGciOiJIUzI1NiJ9"
    + ".eyJzdWIiOiIxMjM0NTY3ODkwIn0"
    + ".dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
)
SECRETS = [
    ("private_key", "-----BEGIN RSA PRIVATE " + "KEY-----\nMIIE\nabc\n-----END RSA PRIVATE KEY-----"),
    ("private_key", "-----BEGIN PRIVATE " + "KEY-----\\nMIIEcut off"),
    ("jwt", JWT),
    ("aws_key", "AKIA" + "IOSFODNN7EXAMPLE"),
    ("gcp_key", "AIza" + "SyA1234567890abcdefghijklmnopqrstuv"),
    ("github_token", "ghp_" + "a" * 36),
    ("github_token", "github_pat_" + "A1b2" * 10),
    ("gitlab_token", "glpat-" + "x" * 20),
    ("slack_token", "xoxb-" + "1234567890-abcdefghij"),
    ("slack_token", "hooks.slack.com/services/" + "T000/B000/abcdef"),
    ("stripe_key", "sk_live_" + "abcdefghijklmnop"),
    ("api_key", "sk-" + "abcdefghijklmnopqrstuvwxyz"),
    ("bearer", "Bearer " + "abcdef0123456789"),
    ("basic_auth", "Basic " + "dXNlcjpwYXNz"),
    ("url_password", "postgresql://shop:" + "hunter2@db/carts"),
    ("cookie", "Set-Cookie: sid=" + "abc123; Path=/"),
    ("secret", "password=" + "hunter2"),
    ("secret", '"client_secret": "' + 's3cr3tvalue"'),
    ("secret", "db_password: " + "correct-horse"),
    ("secret", "X-Api-Key: " + "0123456789abcdef"),
    ("email", "mia@shop.example"),
    ("card", "4111 1111 1111 1111"),
    ("card", "5500005555555559"),
    ("ip", "203.0.113.7"),
    ("ip", "2001:db8::8a2e:370:7334"),
]  # fmt: skip
HARMLESS = [
    "GET /checkout 200 in 12 ms",
    "trace 5b8aa5a2d2c872e8321cf37308d69df2 span 051581bf3cb55c13",
    "commit c41d9e2a8f0b1c2d3e4f5a6b7c8d9e0f1a2b3c4d",
    "at 2026-11-21T09:47:12.123456789Z, 12:30:45",
    "1763718432123456789",
    "session 1.8.3 on python 3.11.7",
    "SESSION_TTL_S = 40",
    "session <*> expired after <*> s",
    "max_tokens=6000 tokens left",
    "password: <*>",
    "token=null secret=None",
    "127.0.0.1:8600 and 0.0.0.0",
    "order 4111111111111112 placed",
    "tokenizer took 12 ms; secretary called",
    "std::vector<int>::push_back",
    "basic checks passed",
    "the bearer of news",
]


@pytest.mark.parametrize(("kind", "secret"), SECRETS, ids=lambda value: str(value)[:12])
def test_secret_is_replaced(kind: str, secret: str) -> None:
    """Each kind is found inside a line, counted, and nothing of its value is left."""
    redactor = Redactor(KEY)
    text = redactor.text(f"before {secret} after")
    assert f"[redacted:{kind}#" in text
    assert redactor.counts[kind] == 1
    value = secret.split("=")[-1].split(": ")[-1].split(" ")[-1].strip('"')
    assert value[-8:] not in text or kind == "url_password"
    assert "hunter2" not in text


@pytest.mark.parametrize("text", HARMLESS)
def test_ordinary_text_is_left_alone(text: str) -> None:
    """Ids, times, versions, masked templates and settings pass as they are."""
    redactor = Redactor(KEY)
    assert redactor.text(text) == text
    assert redactor.counts == {}


@pytest.mark.parametrize(
    "secret", [JWT, "glpat-" + "x" * 20, "mia@shop.example", "AKIA" + "A" * 16]
)
@pytest.mark.parametrize("sign", ["+", "-", " "])
def test_secret_at_the_start_of_a_diff_line_is_replaced(secret: str, sign: str) -> None:
    """The sign of an added or removed line hides nothing and is kept."""
    assert Redactor(KEY).text(f"{sign}{secret}").startswith(f"{sign}[redacted:")


def test_equal_values_keep_equal_marks_under_one_key() -> None:
    """Who is who survives; another key gives other marks."""
    redactor = Redactor(KEY)
    first, second, other = (
        redactor.text(text)
        for text in ("from mia@a.example", "to mia@a.example", "to jo@a.example")
    )
    assert first.split()[1] == second.split()[1]
    assert second != other
    assert redactor.counts == {"email": 2}
    assert Redactor(b"other").text("from mia@a.example") != first


def test_a_secret_name_hides_the_whole_value() -> None:
    """A field called like a secret is not looked into."""
    redactor = Redactor(KEY)
    assert redactor.value("http.request.header.authorization", "x y").startswith(
        "[redacted:secret#"
    )
    assert redactor.value("app.db_password", "x").startswith("[redacted:")
    assert redactor.value("http.route", "/sessions/{id}") == "/sessions/{id}"


def test_redacting_twice_changes_nothing() -> None:
    """A mark is not taken for a secret."""
    redactor = Redactor(KEY)
    for _, secret in SECRETS:
        once = redactor.text(f"x {secret} y")
        assert redactor.text(once) == once


@pytest.mark.parametrize(
    "piece",
    ["a", "eyJ", "eyJa.", "1", "4 ", "a@", "a.", "://a:", "password=", "-----BEGIN ", "a-", "::",
     "-----BEGIN RSA PRIVATE KEY-----", "Bearer ", "cookie: ", "0.", "basic ", "xoxb-", "sk-"],
)  # fmt: skip
def test_time_grows_with_the_text_and_not_faster(piece: str) -> None:
    """Four times the hostile text takes nowhere near sixteen times as long."""

    def seconds(length: int) -> float:
        text = (piece * (length // len(piece) + 1))[:length]
        best = 1e9
        for _ in range(3):
            began = time.process_time()
            Redactor(KEY).text(text)
            best = min(best, time.process_time() - began)
        return best

    assert seconds(60_000) < 10 * seconds(15_000) + 0.05
