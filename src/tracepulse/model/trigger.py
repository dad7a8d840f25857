"""Triggers: the signs that something broke, each with the numbers that made it one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

__all__ = ["ExternalAlert", "Trigger", "TriggerKind"]


class TriggerKind(StrEnum):
    """What kind of sign a trigger is."""

    ERROR_BURST = "error_burst"
    """An operation fails more often than it used to (errors, or refusals with a 4xx status)."""
    NEW_LOG = "new_log"
    """A log shape at warning or above that was not written before, now written repeatedly."""
    LOG_BURST = "log_burst"
    """A known log shape at warning or above, written much more often than before."""
    EXTERNAL_ALERT = "external_alert"
    """Another system (Alertmanager, Grafana, Sentry or any other) says so."""


@dataclass(frozen=True, slots=True)
class ExternalAlert:
    """An alert of another system, in one form whatever system sent it."""

    source: str
    """alertmanager, grafana, sentry or webhook."""
    fingerprint: str
    """The sender's own identity of this alert; the same for its resolution."""
    name: str
    """The rule's name, such as the label `alertname`."""
    starts_unix_ns: int
    received_unix_ns: int
    ends_unix_ns: int | None = None
    """None while it fires."""
    service: str = ""
    """The service it is about, from the labels `service`, `service_name`, `job` or `app`."""
    operation: str = ""
    """The operation or route it is about, from the labels, when they tell."""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    trust: str = "server_key"


@dataclass(frozen=True, slots=True)
class Trigger:
    """One sign that something broke."""

    trigger_id: str
    """`trg_` and twelve hex digits of a hash of what it is about and its onset."""
    kind: TriggerKind
    service: str
    operation: str
    """Span name; '' for logs and for alerts that do not tell."""
    entry: bool
    """Whether requests from outside arrive at this operation."""
    onset_unix_ns: int
    """The best estimate of the first instant at which it was so."""
    onset_slack_ns: int
    """How far the onset may be off, on each side."""
    detected_unix_ns: int
    """End of the first 5-second bin after which the evidence was enough."""
    last_seen_unix_ns: int
    """End of the last bin that still showed it."""
    ended_unix_ns: int | None
    """When it was back to its usual level; None while it lasts."""
    span_kind: str = ""
    """Server, Consumer, Client or Producer for error bursts; otherwise ''."""
    failure: str = "error"
    """For error bursts: `error` (5xx or an error status) or `refused` (4xx). Otherwise ''."""
    events_before: int = 0
    """Failures, or lines, before the onset, over the observed baseline."""
    calls_before: int = 0
    """Calls before the onset; 0 for logs."""
    baseline_ns: int = 0
    """Length of the baseline."""
    events_after: int = 0
    """Failures, or lines, from the onset to `last_seen_unix_ns`."""
    calls_after: int = 0
    statistic: float = 0.0
    """Peak of the log-likelihood ratio (nats) that decided; 0 for external alerts."""
    threshold: float = 0.0
    """What it had to exceed."""
    template_id: str = ""
    template: str = ""
    """The log shape or template, telemetry text: quote it, never word it."""
    severity_number: int = 0
    alert_name: str = ""
    alert_source: str = ""
    alert_fingerprint: str = ""
    trust: str = "server_key"
