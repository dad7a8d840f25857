"""Secrets leave no process: the vectors that every implementation is tested with."""

import ast
import json
from pathlib import Path
from typing import Any, Dict

import pytest

import debugqueue
from debugqueue import Client
from debugqueue.scrub import Scrubber

PACKAGE = Path(debugqueue.__file__).parent
REPOSITORY = Path(__file__).parents[3]
VECTORS = json.loads((REPOSITORY / "tests/redaction/vectors.json").read_text("utf-8"))


def joined(given: Any) -> Any:
    """Return a vector's text, which may be written in pieces."""
    return "".join(given) if isinstance(given, list) else given


def test_the_rules_are_the_servers() -> None:
    """The package carries the server's file, to the byte."""
    ours = (PACKAGE / "rules.json").read_bytes()
    assert ours == (REPOSITORY / "src/tracepulse/redaction/rules.json").read_bytes()


def test_every_text_becomes_what_its_vector_says() -> None:
    """One by one, and several looked at together."""
    scrubber = Scrubber()
    texts = [joined(case["in"]) for case in VECTORS["text"]]
    expected = [case["out"] for case in VECTORS["text"]]
    assert [scrubber.text(text) for text in texts] == expected
    rules = scrubber.active(texts)
    assert [scrubber.text(text, rules) for text in texts] == expected
    assert [scrubber.text(text, scrubber.active([text])) for text in texts] == expected


def test_mail_addresses_go_when_asked() -> None:
    """They are personal, not secret."""
    for case in VECTORS["asked"]["email"]:
        assert Scrubber(["email"]).text(joined(case["in"])) == case["out"]
        assert Scrubber().text(joined(case["in"])) == joined(case["in"])


@pytest.mark.parametrize("case", VECTORS["fields"], ids=lambda case: str(case["name"]))
def test_every_field_becomes_what_its_vector_says(case: Dict[str, Any]) -> None:
    """By name and by value, whatever the value's type."""
    shown = Scrubber().field(case["name"], case["in"])
    assert (shown, type(shown)) == (case["out"], type(case["out"]))


def test_no_secret_leaves_the_process(sink: Any, client: Client) -> None:
    """Not in tags, names, values however deep, messages, exceptions, nor what was bound."""
    secret = "ghp_" + "q" * 36
    with client.bind(note=f"bound {secret}"):
        client.log(f"tag {secret}", {f"name {secret}": 1, "a": {"b": [{"c": f"x {secret}"}]}})
    client.log("B", f"message {secret}")
    client.log("C", {"user": {"password": "hunter2"}, "deep": {"x": [{"apiKey": "hunter2"}]}})
    client.exception("D", error=ValueError(f"password=hunter2 {secret}"))
    client.log("E", {"paid": 4111111111111111})
    sink.wait_for(5)
    sent = b"".join(request.SerializeToString() for request in sink.requests)
    for leak in (
        secret.encode(),
        b"hunter2",
        b"4111111111111111",
        (4111111111111111).to_bytes(8, "little"),
    ):
        assert leak not in sent
    assert sent.count(b"[redacted:github_token]") >= 5


def test_every_file_is_python_3_9() -> None:
    """The package promises that version: nothing in it is newer syntax."""
    for path in PACKAGE.rglob("*.py"):
        ast.parse(path.read_text("utf-8"), str(path), feature_version=(3, 9))
