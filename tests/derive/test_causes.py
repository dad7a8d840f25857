"""Causes of drawn faults: who leads, how surely, and what is ruled out."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tracepulse.derive.causes import rank_causes
from tracepulse.model.cause import CauseRanking
from tracepulse.model.change import Change
from tracepulse.model.findings import Findings, VersionOutcome, Window
from tracepulse.model.flow import EdgeChange, FailureOrigin, FailureSummary
from tracepulse.model.incident import Incident, IncidentState
from tracepulse.model.trigger import Trigger, TriggerKind

CASES = sorted((Path(__file__).parent.parent / "cases/causes").glob("*.json"))
S = 1_000_000_000
ONSET = 1_763_700_000 * S


def read_case(case: Mapping[str, Any]) -> tuple[Findings, FailureSummary]:
    """Return a case's findings and failures."""
    failing = case["failing"]
    path = tuple(failing["path"])
    burst = Trigger(
        "trg_1", TriggerKind.ERROR_BURST, path[0], failing["entry"], True, ONSET, 5 * S,
        ONSET + 15 * S, ONSET + 300 * S, None, "Server", "error", 4, 2000, 1800 * S, 130, 400,
    )  # fmt: skip
    incident = Incident(
        "inc_1", "fp", IncidentState.OPEN, ONSET, 5 * S, ONSET + 15 * S, ONSET + 300 * S, (burst,),
        (path[0],), path[0], failing["entry"], failing["service"], failing["operation"], path,
    )  # fmt: skip
    origin = FailureOrigin(
        failing["service"], failing["operation"], "Server", failing["status"],
        failing.get("resource", ""), failing["traces"], path, failing["entry"], "t1",
    )  # fmt: skip
    findings = Findings(
        incident=incident,
        window=Window(ONSET - 1800 * S, ONSET, ONSET + 300 * S),
        edges=tuple(EdgeChange(*edge) for edge in case["edges"]),
        changes=tuple(
            Change(
                c["id"], "deploy", c["service"], ONSET + c["at"] * S, c.get("version"),
                c.get("previous_version"),
            )
            for c in case["changes"]
        ),
        versions=tuple(VersionOutcome(*row) for row in case.get("versions", [])),
    )  # fmt: skip
    return findings, FailureSummary((origin,), failing["traces"], failing["traces"])


def check_whole(ranking: CauseRanking) -> None:
    """Check what holds for every ranking."""
    assert sum(
        c.probability for c in ranking.causes
    ) + ranking.unknown_probability == pytest.approx(1.0, abs=0.002)
    keys = {fact.key for fact in ranking.facts}
    for cause in ranking.causes:
        assert cause.parts, cause
        assert cause.would_refute, cause
        assert cause.score == pytest.approx(
            cause.prior + sum(part.log_odds for part in cause.parts), abs=0.001
        )
        assert all(set(part.fact_keys) <= keys for part in cause.parts)
    ordered = [(-cause.probability, cause.cause_id) for cause in ranking.causes]
    assert ordered == sorted(ordered)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_case(path: Path) -> None:
    """The leading cause, its probability, the unknown, and what is ruled out are as drawn."""
    case = json.loads(path.read_text())
    findings, failures = read_case(case)
    ranking = rank_causes(findings, failures)
    check_whole(ranking)
    wanted = case["expected"]
    first = ranking.causes[0]
    assert first.cause_id == wanted["first"]
    low, high = wanted["probability"]
    assert low <= first.probability <= high
    low, high = wanted["unknown"]
    assert low <= ranking.unknown_probability <= high
    reasons = {ruling.cause_id: ruling.wording for ruling in ranking.ruled_out}
    for subject, words in wanted["ruled_out"].items():
        assert words in reasons[subject]


def test_a_nearer_deploy_is_never_less_likely() -> None:
    """Probability falls as the deploy lies further back."""
    case = json.loads((CASES[0].parent / "deploy_of_the_faulty_service.json").read_text())
    found = []
    for lag_s in (0, 60, 600, 3_600, 36_000):
        case["changes"][0]["at"] = -lag_s
        ranking = rank_causes(*read_case(case))
        found.append(next((c.probability for c in ranking.causes if c.change_id == "c1"), 0.0))
    assert found == sorted(found, reverse=True)
    assert found[0] > found[-1]


def test_evidence_taken_away_never_makes_surer() -> None:
    """Without traces and edges the same deploy is still first, but less likely."""
    case = json.loads((CASES[0].parent / "deploy_of_the_faulty_service.json").read_text())
    findings, failures = read_case(case)
    full = rank_causes(findings, failures).causes[0]
    bare = rank_causes(replace(findings, edges=()), FailureSummary((), 0, 0)).causes[0]
    assert bare.cause_id == full.cause_id
    assert bare.probability < full.probability
