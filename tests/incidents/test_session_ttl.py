"""The seed story from binned signals to the bundle, with spans and from logs alone."""

import os
import random
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from tests.incidents.shop_traffic import (
    MS,
    S,
    Shop,
    ShopPlan,
    SpanRow,
    columns,
    edge_changes,
    failing_traces,
    log_shape_changes,
    operation_changes,
    signal_window,
)

from tracepulse.code.git import read_change
from tracepulse.code.implicated import implicated_by
from tracepulse.context.incident_bundle import incident_bundle
from tracepulse.context.render_json import render_json
from tracepulse.context.render_markdown import render_markdown
from tracepulse.context.select import estimate_tokens, fit
from tracepulse.derive.flows import failure_summary, service_edges
from tracepulse.derive.incidents import join_triggers
from tracepulse.derive.locate import entry_operations, locate
from tracepulse.derive.log_flows import log_edges
from tracepulse.derive.triggers import alert_trigger, find_triggers
from tracepulse.model.change import Change
from tracepulse.model.findings import (
    BlockingExample,
    Coverage,
    Findings,
    PathSection,
    QueryNote,
    VersionOutcome,
    Window,
)
from tracepulse.model.incident import Incident
from tracepulse.model.log import LogRecord
from tracepulse.model.trigger import ExternalAlert

FOLDER = Path(__file__).parent / "session-ttl"
KEY = b"a key for tests"


def instant(clock: str) -> int:
    """Return a time of the story's day."""
    return int(datetime.fromisoformat(f"2026-11-21T{clock}+00:00").timestamp()) * S


START, DEPLOYED, NOW = instant("09:40:00"), instant("09:44:50"), instant("09:50:00")


@pytest.fixture(scope="module")
def shop() -> Shop:
    """The shop's telemetry."""
    return Shop(ShopPlan(START, NOW, DEPLOYED))


def first_failure(shop: Shop) -> int:
    """Return when the first checkout really failed for the time-out."""
    return min(r.time_unix_ns for r in shop.records if r.body.startswith("SESSION_DROP"))


STORE_BEFORE = '''"""Sessions, kept in a table so that a restart loses none."""

import time

from ..runtime.logs import log

SESSION_TTL_S = 40 * 60


class SessionStore:
    """Opens, finds and closes sessions."""

    def get(self, session_id: str) -> Session:
        """Return a live session; one that is too old is dropped."""
        session = self._find(session_id)
        if session.age_s > SESSION_TTL_S:
            self.close(session_id)
            log.warning("SESSION_DROP session %s expired after %d s", session_id, session.age_s)
            raise ExpiredSessionError(session_id)
        return session
'''


def git(folder: Path, *arguments: str, date: str = "2026-11-20T10:00:00Z") -> str:
    """Run git on the test's own repository."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_DATE": date,
        "GIT_COMMITTER_DATE": date,
    }
    settings = ["-c", "user.name=Jonas", "-c", "user.email=jonas@shop.example"]
    done = subprocess.run(
        ["git", *settings, "-C", str(folder), *arguments],
        env=environment, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout.strip()


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """A history in which one of two commits is guilty; (folder, before, after)."""
    folder = tmp_path_factory.mktemp("source") / "shop"
    store = folder / "services/session/store.py"
    store.parent.mkdir(parents=True)
    git(folder.parent, "init", "-q", "-b", "main", "--object-format=sha1", str(folder))
    store.write_text(STORE_BEFORE)
    (folder / "README.md").write_text("# Shop\n")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "session: keep sessions in a table")
    before = git(folder, "rev-parse", "HEAD")
    store.write_text(STORE_BEFORE.replace("40 * 60", "40"))
    git(folder, "commit", "-qam", "session: tune session store", date="2026-11-21T08:30:00Z")
    (folder / "README.md").write_text("# Shop\n\nHow to run the session service.\n")
    git(folder, "commit", "-qam", "docs: say how to run it", date="2026-11-21T09:00:00Z")
    return folder, before, git(folder, "rev-parse", "HEAD")


def changes(repository: tuple[Path, str, str]) -> tuple[Change, ...]:
    """The three deploys."""
    folder, before, after = repository
    return (
        Change(
            "chg_session", "deploy", "session", DEPLOYED, "1.8.3", "1.8.2", after, before,
            str(folder), "session 1.8.3",
        ),
        Change("chg_catalogue", "deploy", "catalogue", instant("09:45:20"), "3.1.0", "3.0.9"),
        Change("chg_gateway", "deploy", "gateway", instant("08:10:00"), "2.4.0", "2.3.7"),
    )  # fmt: skip


ALERT = ExternalAlert(
    source="alertmanager", fingerprint="ab12", name="CheckoutErrors", service="gateway",
    starts_unix_ns=instant("09:46:30"), received_unix_ns=instant("09:46:35"),
)  # fmt: skip


def found_incident(
    spans: Sequence[SpanRow], records: Sequence[LogRecord], alerts: Sequence[ExternalAlert]
) -> Incident:
    """Detect, join and locate, as the server does every few seconds."""
    detection = find_triggers(signal_window(spans, records, START, NOW))
    triggers = [*detection.triggers, *map(alert_trigger, alerts)]
    edges = service_edges(columns(spans)) if spans else log_edges(records)
    incidents = join_triggers((), triggers, edges, instant("09:46:00"))
    assert len(incidents) == 1
    incident = incidents[0]
    near = [r for r in records if -60 * S <= r.time_unix_ns - incident.onset_unix_ns < 180 * S]
    failing = failing_traces(spans, incident.onset_unix_ns) if spans else None
    failures = failure_summary(failing, entry_operations(incident))
    shapes = log_shape_changes(records, Window(START, incident.onset_unix_ns, NOW))
    return locate(incident, failures, near, shapes)


def findings_of(
    shop: Shop, repository: tuple[Path, str, str], *, with_spans: bool = True
) -> Findings:
    """Ask all the questions about the incident, the slow way."""
    spans = shop.spans if with_spans else []
    incident = found_incident(spans, shop.records, [ALERT] if with_spans else [])
    window = Window(START, incident.onset_unix_ns, NOW)
    bare = Findings(
        incident=incident,
        window=window,
        operations=operation_changes(spans, window),
        edges=edge_changes(spans, window) if spans else (),
        failing_traces=failing_traces(spans, window.onset_unix_ns) if spans else None,
        log_records=() if spans else tuple(shop.records[:5000]),
        log_shapes=log_shape_changes(shop.records, window),
        blocking=EXAMPLE_PATH if spans else None,
        changes=changes(repository),
        versions=(VersionOutcome("session", "1.8.3", 1200, 380),) if spans else (),
        coverage=Coverage(
            spans=len(spans), log_lines=len(shop.records), services=4,
            queries=(QueryNote("span bins", 4_000), QueryNote("failing traces", 350)),
        ),
    )  # fmt: skip
    implicated = implicated_by(bare, "session")
    reading = read_change(bare.changes[0], [repository[0].parent], implicated)
    return replace(bare, code=(reading,))


EXAMPLE_PATH = BlockingExample(
    "5b8a0000000000000000000000000001",
    135 * MS,
    (
        PathSection("gateway", "POST /checkout", "own work", 0, 2 * MS),
        PathSection("checkout", "POST /carts/{id}/checkout", "own work", 2 * MS, 3 * MS),
        PathSection("session", "GET /sessions/{id}", "own work", 5 * MS, 6 * MS),
        PathSection("checkout", "POST /carts/{id}/checkout", "own work", 11 * MS, 122 * MS),
        PathSection("gateway", "POST /checkout", "own work", 133 * MS, 2 * MS),
    ),
)


def compare(name: str, text: str) -> None:
    """Compare with the expected file, or write it when asked to."""
    path = FOLDER / name
    if os.environ.get("UPDATE_EXPECTED"):
        path.write_text(text)
    assert path.read_text() == text


def test_incident_is_found_and_located(shop: Shop) -> None:
    """One incident, its onset within 10 s of the first dropped session, entry and fault named."""
    incident = found_incident(shop.spans, shop.records, [ALERT])
    assert (incident.entry_service, incident.entry_operation) == ("gateway", "POST /checkout")
    assert (incident.faulty_service, incident.faulty_operation) == ("session", "GET /sessions/{id}")
    assert incident.path == ("gateway", "checkout", "session")
    assert abs(incident.onset_unix_ns - first_failure(shop)) <= 10 * S


def test_incident_is_found_from_logs_alone(shop: Shop) -> None:
    """Without any span the same services and the same onset come out."""
    incident = found_incident([], shop.records, [])
    assert incident.entry_service == "gateway"
    assert incident.faulty_service == "session"
    assert incident.path == ("gateway", "checkout", "session")
    assert abs(incident.onset_unix_ns - first_failure(shop)) <= 10 * S


def test_bundle_reads_as_expected(shop: Shop, repository: tuple[Path, str, str]) -> None:
    """The Markdown at 1,500 tokens is the one that was looked at."""
    bundle = incident_bundle(findings_of(shop, repository), KEY)
    text = render_markdown(fit(bundle, render_markdown, 1_500))
    assert estimate_tokens(text) <= 1_500
    compare("expected.md", text)


def test_full_bundle_reads_as_expected(shop: Shop, repository: tuple[Path, str, str]) -> None:
    """The whole record as JSON is the one that was looked at."""
    bundle = incident_bundle(findings_of(shop, repository), KEY)
    compare("expected.json", render_json(fit(bundle, render_json, 24_000)) + "\n")


def test_logs_only_bundle_reads_as_expected(shop: Shop, repository: tuple[Path, str, str]) -> None:
    """From logs alone the deployed commit is still ranked first, and less surely."""
    bundle = incident_bundle(findings_of(shop, repository, with_spans=False), KEY)
    compare("expected-logs-only.md", render_markdown(fit(bundle, render_markdown, 1_500)))


def test_deployed_commit_is_first_and_decoys_are_ruled_out(
    shop: Shop, repository: tuple[Path, str, str]
) -> None:
    """The guilty commit leads; deploys off the path or long before are named as not the cause."""
    bundle = incident_bundle(findings_of(shop, repository), KEY)
    first = bundle.hypotheses[0]
    guilty = git(repository[0], "rev-parse", "HEAD~1")
    assert (first.change_id, first.revision) == ("chg_session", guilty)
    assert 0.85 <= first.probability <= 0.96
    excluded = " ".join(claim.text for claim in bundle.ruled_out)
    assert "`catalogue` `3.1.0`: not on the affected path" in excluded
    assert "`gateway` `2.4.0`" in excluded


def test_order_of_arrival_changes_nothing(shop: Shop, repository: tuple[Path, str, str]) -> None:
    """Permuted telemetry gives the same bytes."""
    expected = render_json(incident_bundle(findings_of(shop, repository), KEY))
    shuffled = Shop(ShopPlan(START, NOW, DEPLOYED))
    random.Random(3).shuffle(shuffled.spans)
    random.Random(4).shuffle(shuffled.records)
    findings = findings_of(shuffled, repository)
    rest = random.Random(5)
    mixed = replace(
        findings,
        operations=tuple(rest.sample(findings.operations, len(findings.operations))),
        edges=tuple(rest.sample(findings.edges, len(findings.edges))),
        log_shapes=tuple(rest.sample(findings.log_shapes, len(findings.log_shapes))),
        changes=tuple(rest.sample(findings.changes, len(findings.changes))),
    )
    assert render_json(incident_bundle(mixed, KEY)) == expected
