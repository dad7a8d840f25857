"""The shared rules do what the shared vectors say, in syntax that JavaScript reads alike."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracepulse.redaction import is_secret_name, replace_secrets, rules

VECTORS = json.loads(Path(__file__).with_name("vectors.json").read_text("utf-8"))
RULES = json.loads(Path(rules.__file__).with_name("rules.json").read_text("utf-8"))
PATTERNS = [
    *(entry["pattern"] for entry in RULES["values"]),
    *(entry["unless"] for entry in RULES["values"] if "unless" in entry),
    RULES["names"]["secret"],
    RULES["names"]["harmless"],
]
PIECES = st.lists(
    st.sampled_from([
        "password", "=", ": ", '"', "\\", "eyJ", "aaaaaaaa", ".", "-", " ", "4111111111111111", "@",
        "://", "token", "Bearer ", "cookie", "AKIA" + "A" * 16, "ghp_" + "b" * 20, "\n", "K", "é",
    ])
).map("".join)  # fmt: skip


def joined(given: Any) -> Any:
    """Return a vector's text, which may be written in pieces."""
    return "".join(given) if isinstance(given, list) else given


def redacted(text: str, asked: frozenset[str] = frozenset()) -> str:
    """Redact as an SDK does: marks without a hash."""
    return replace_secrets(text, asked, lambda kind, _: f"[redacted:{kind}]")


def name_of(case: dict[str, Any]) -> str:
    """Return how a vector is called in the list of tests."""
    return str(case["name"])[:40]


@pytest.mark.parametrize("case", VECTORS["text"], ids=name_of)
def test_text_of_a_vector(case: dict[str, Any]) -> None:
    """Text becomes what the vector says, and redacting it again changes nothing."""
    assert redacted(joined(case["in"])) == case["out"]
    assert redacted(case["out"]) == case["out"]


@pytest.mark.parametrize(
    ("kind", "case"), [(kind, case) for kind, cases in VECTORS["asked"].items() for case in cases]
)
def test_personal_data_when_asked(kind: str, case: dict[str, Any]) -> None:
    """A kind that is not a secret goes only when it is asked for."""
    assert redacted(joined(case["in"]), frozenset({kind})) == case["out"]
    assert redacted(joined(case["in"])) == joined(case["in"])


@pytest.mark.parametrize(
    "case", [case for case in VECTORS["fields"] if isinstance(case["in"], str) and case["in"]]
)
def test_field_of_a_vector(case: dict[str, Any]) -> None:
    """A secret name hides the value; any other leaves it to the rules of text."""
    shown = "[redacted:secret]" if is_secret_name(case["name"]) else redacted(case["in"])
    assert shown == case["out"]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_syntax_is_shared_with_javascript(pattern: str) -> None:
    """Only what both languages read alike: no lookbehind, Unicode class, anchor or group of one."""
    bare = pattern.replace("\\\\", "")
    assert re.search(r"\(\?(?![:=!])|\\[AZzsSdDpPkGhH]|[*+?}]\+|\(\?P", _known(bare)) is None
    assert re.search(r"[^\x20-\x7e]", pattern) is None


def _known(pattern: str) -> str:
    r"""Drop what is fine: [\s\S] is any character, and \d and \s mean the same wherever it counts."""
    return pattern.replace(r"[\s\S]", "").replace(r"\d", "")


@pytest.mark.parametrize("entry", RULES["values"], ids=lambda entry: entry["kind"])
def test_a_rule_keeps_one_group_and_replaces_one(entry: dict[str, Any]) -> None:
    """Two groups each, so that a callback of two arguments is all that a language needs."""
    assert re.compile(entry["pattern"], re.ASCII).groups == 2


@given(PIECES)
def test_hints_hide_no_match(text: str) -> None:
    """What is replaced with the hints is what is replaced without them."""
    mark = lambda kind, _: f"[redacted:{kind}]"  # noqa: E731
    without = text
    for rule in rules._RULES:
        if rule.asked is None:
            without = rule.pattern.sub(lambda m, r=rule: rules._replaced(r, m, mark), without)  # type: ignore[misc]
    assert redacted(text) == without


@given(st.text(max_size=300) | PIECES)
def test_any_text_is_taken(text: str) -> None:
    """No text raises, and a second time changes nothing more."""
    once = redacted(text, frozenset({"email", "ip"}))
    assert redacted(once, frozenset({"email", "ip"})) == once
