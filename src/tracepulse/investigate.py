"""From an incident's id to its explanation and its bundle."""

import threading
from dataclasses import replace
from pathlib import Path
from typing import Literal

from tracepulse.code.git import read_change
from tracepulse.code.implicated import implicated_by
from tracepulse.context.collect import Collector
from tracepulse.context.incident_bundle import incident_bundle
from tracepulse.context.render_json import render_json
from tracepulse.context.render_markdown import render_markdown
from tracepulse.context.select import fit
from tracepulse.core import Core
from tracepulse.deliver.api.services import Explanation, explanation_of
from tracepulse.errors import NotFound
from tracepulse.model.findings import Findings
from tracepulse.model.incident import Incident

__all__ = ["StoreInvestigator"]

_USUAL_TOKENS = 6_000
_MAX_READ_CHANGES = 20
_REUSE_NS = 5_000_000_000


class StoreInvestigator:
    """Explains incidents from what is stored; see `Investigator`."""

    def __init__(self, core: Core, collector: Collector) -> None:
        self._core = core
        self._collector = collector
        self._redaction_key = core.folder.secret("redaction")
        self._lock = threading.Lock()
        self._recent: dict[str, tuple[Incident, int, Findings]] = {}

    def explain(self, incident_id: str) -> Explanation:
        """Return the ranked causes of an incident; raises NotFound."""
        return explanation_of(incident_bundle(self._findings(incident_id), self._redaction_key))

    def bundle(
        self, incident_id: str, form: Literal["json", "markdown"], max_tokens: int | None
    ) -> bytes:
        """Return the context bundle of an incident; see `Investigator.bundle`."""
        bundle = incident_bundle(self._findings(incident_id), self._redaction_key)
        render = render_json if form == "json" else render_markdown
        return render(fit(bundle, render, max_tokens or _USUAL_TOKENS)).encode()

    def _findings(self, incident_id: str) -> Findings:
        """Return the findings; for a few seconds the same ones to all who ask."""
        incident = self._core.state.incident(incident_id)
        if incident is None:
            raise NotFound(f"there is no incident {incident_id}; GET /api/incidents lists them")
        now = self._core.clock.now_unix_ns()
        with self._lock:
            known = self._recent.get(incident_id)
            if known is not None and known[0] == incident and now - known[1] < _REUSE_NS:
                return known[2]
            findings = self._read(incident)
            self._recent = {incident_id: (incident, now, findings)}
        return findings

    def _read(self, incident: Incident) -> Findings:
        findings = self._collector.findings(incident, self._core.clock.now_unix_ns())
        roots = [Path(root) for root in self._core.settings.code_roots]
        readable = [change for change in findings.changes if change.repository]
        # The newest first: of many changes the late ones are likelier to matter.
        newest = sorted(readable, key=lambda change: -change.at_unix_ns)[:_MAX_READ_CHANGES]
        code = tuple(
            read_change(change, roots, implicated_by(findings, change.service))
            for change in sorted(newest, key=lambda change: (change.at_unix_ns, change.change_id))
        )
        return replace(findings, code=code)
