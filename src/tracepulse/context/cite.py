"""References: facts become numbered evidence, foreign texts numbered quotes."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import cast

from tracepulse.context.bundle import Bundle, Claim, Evidence, Quote, Trust
from tracepulse.context.quote import inert_name, looks_like_instructions, quoted_text
from tracepulse.context.redact import Redactor
from tracepulse.context.wording import rfc3339
from tracepulse.model.evidence import Fact

__all__ = ["References", "cited_only"]

MAX_QUOTE_CHARS = 600
CHANGE_KINDS = frozenset({"deploy", "flag", "config", "other", "change"})
"""Kinds of changes are words of ours."""


class References:
    """
    Numbers facts and quotes in the order in which they are first cited.

    The order in which a bundle is assembled is fixed, so equal findings give equal numbers.
    """

    def __init__(
        self, facts: Mapping[str, Fact], redactor: Redactor, *, include_browser_text: bool
    ) -> None:
        self._facts = facts
        self._redactor = redactor
        self._include_browser_text = include_browser_text
        self._evidence: dict[str, Evidence] = {}
        self._quotes: dict[tuple[str, str, str], Quote] = {}
        self.withheld = 0
        """Texts from unauthenticated browsers that were not quoted."""

    def name(self, text: str) -> str:
        """Return a name fit for a sentence of ours; one that is not plain is quoted elsewhere."""
        redacted = self._redactor.text(text)
        shown = inert_name(redacted)
        if shown != redacted:
            self.quote("name", f"{shown} is: {redacted}", "server_key")
        return shown

    def code(self, text: str) -> str:
        """Return a name in backticks, or nothing for an empty one."""
        return f"`{self.name(text)}`" if text else ""

    def statement(self, wording: str, names: Mapping[str, str]) -> str:
        """Return a sentence of ours with its names filled in."""
        shown = {place: self.code(name) for place, name in names.items()}
        if names.get("kind") in CHANGE_KINDS:
            shown["kind"] = names["kind"]
        return wording.format_map(shown)

    def has(self, key: str) -> bool:
        """Tell whether there is such a fact."""
        return key in self._facts

    def cite(self, *keys: str) -> tuple[str, ...]:
        """Return evidence ids for facts; keys without a fact are our bug and raise KeyError."""
        return tuple(self._evidence_of(key).id for key in keys)

    def claim(self, key: str) -> Claim:
        """Return a fact as a claim that cites itself."""
        item = self._evidence_of(key)
        return Claim(item.statement, (item.id,))

    def quote(self, label: str, text: str, trust: str, max_chars: int = MAX_QUOTE_CHARS) -> str:
        """Return the id of a quote; '' for an empty text or one that may not be shown."""
        if not text:
            return ""
        if trust == "browser_unauthenticated" and not self._include_browser_text:
            self.withheld += 1
            return ""
        redacted = self._redactor.text(text)
        shown, cut = quoted_text(redacted, max_chars)
        key = (label, trust, shown)
        if key not in self._quotes:
            self._quotes[key] = Quote(
                id=f"q{len(self._quotes) + 1}",
                label=label,
                trust=cast(Trust, trust),
                text=shown,
                cut_chars=cut,
                looks_like_instructions=looks_like_instructions(redacted),
            )
        return self._quotes[key].id

    def _evidence_of(self, key: str) -> Evidence:
        if key not in self._evidence:
            fact = self._facts[key]
            number = len(self._evidence) + 1
            # Its place is taken first: naming it may cite nothing, but quoting must not renumber.
            statement = self.statement(fact.wording, fact.names)
            quotes = [self.quote(QUOTE_LABELS[fact.kind], q, fact.trust) for q in fact.quotes]
            instant = fact.at_unix_ns
            self._evidence[key] = Evidence(
                id=f"e{number}",
                kind=fact.kind,
                statement=statement,
                at=None if instant is None else rfc3339(instant),
                at_unix_ns=None if instant is None else str(instant),
                trust=cast(Trust, fact.trust),
                quotes=tuple(q for q in quotes if q),
            )
        return self._evidence[key]

    def evidence(self) -> tuple[Evidence, ...]:
        """Return all evidence cited so far, by number."""
        return tuple(self._evidence.values())

    def quotes(self) -> tuple[Quote, ...]:
        """Return all quotes so far, by number."""
        return tuple(self._quotes.values())


QUOTE_LABELS: Mapping[str, str] = {
    "trigger": "log shape",
    "log": "log shape",
    "origin": "status message",
    "change": "change summary",
    "commit": "commit subject",
}
"""What the quotes of a kind of fact are."""


def cited_only(bundle: Bundle) -> Bundle:
    """Return the bundle without evidence and quotes that nothing in it refers to."""
    cited = set(_cited_evidence(bundle))
    evidence = tuple(item for item in bundle.evidence if item.id in cited)
    used = {quote for item in evidence for quote in item.quotes}
    for log in bundle.logs:
        used |= {log.template_quote, log.example_quote}
    for code in bundle.code:
        used |= {code.subject_quote, code.diff_quote}
    quotes = tuple(q for q in bundle.quotes if q.id in used or q.label == "name")
    return replace(bundle, evidence=evidence, quotes=quotes)


def _cited_evidence(bundle: Bundle) -> Iterable[str]:
    claims = (
        *bundle.summary,
        *bundle.impact,
        *bundle.flow,
        *bundle.failure,
        *bundle.ruled_out,
    )
    for claim in claims:
        yield from claim.evidence
    for entry in bundle.timeline:
        yield from entry.evidence
    for hypothesis in bundle.hypotheses:
        for part in (*hypothesis.supports, *hypothesis.against):
            yield from part.evidence
    for log in bundle.logs:
        yield from log.evidence
    for code in bundle.code:
        yield from code.evidence
    if bundle.blocking_path is not None:
        yield from bundle.blocking_path.evidence
