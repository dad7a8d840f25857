"""
Alerts as Alertmanager's webhook (version 4) posts them, and Grafana's, which has grown out of it.

Source:
    https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
    https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/
"""

from typing import Any

from tracepulse.errors import LimitExceeded, MalformedBody
from tracepulse.model.trigger import ExternalAlert
from tracepulse.receive.alert_parts import (
    MAX_ALERTS,
    MAX_BODY_BYTES,
    fingerprint_of,
    instant,
    json_object,
    operation_of,
    service_of,
    texts,
)
from tracepulse.receive.any_value import plain_text

__all__ = ["MAX_BODY_BYTES", "read_alertmanager", "read_grafana"]

_GRAFANA_LINKS = ("dashboardURL", "panelURL", "silenceURL", "generatorURL")


def read_alertmanager(
    body: bytes, received_unix_ns: int, trust: str = "server_key"
) -> tuple[ExternalAlert, ...]:
    """
    Return the alerts of a webhook request, in its order.

    Args:
        body: the JSON that Alertmanager posts.
        trust: of who sent it.
    Raises:
        MalformedBody: it is not such JSON; the text says which part.
        LimitExceeded: it is too long.
    """
    payload = json_object(body, "Alertmanager's webhook")
    if payload.get("version", "4") != "4":
        raise MalformedBody(
            f"version {plain_text(payload['version'])[:40]!r}: only version 4 is known"
        )
    given = _list(payload, "send Alertmanager's webhook, version 4")
    return tuple(
        _alert("alertmanager", each, f"alerts[{place}]", received_unix_ns, trust)
        for place, each in enumerate(given)
    )


def read_grafana(
    body: bytes, received_unix_ns: int, trust: str = "server_key"
) -> tuple[ExternalAlert, ...]:
    """
    Return the alerts that a webhook contact point of Grafana Alerting sends, in its order.

    What Grafana adds to an alert (the measured values, links to panel and dashboard) is kept among
    the annotations. Arguments and errors are those of `read_alertmanager`.
    """
    payload = json_object(body, "Grafana's webhook")
    hint = "send the webhook of Grafana Alerting; alerts of Grafana 8 and older are not read"
    return tuple(
        _alert("grafana", _with_extras(each), f"alerts[{place}]", received_unix_ns, trust)
        for place, each in enumerate(_list(payload, hint))
    )


def _list(payload: dict[str, Any], hint: str) -> list[Any]:
    alerts = payload.get("alerts")
    if not isinstance(alerts, list):
        raise MalformedBody(f"there is no list `alerts`; {hint}")
    if len(alerts) > MAX_ALERTS:
        raise LimitExceeded(f"{len(alerts):,} alerts at once; at most {MAX_ALERTS:,}")
    return alerts


def _with_extras(given: object) -> object:
    if not isinstance(given, dict) or not isinstance(given.get("annotations") or {}, dict):
        return given
    extras = {f"grafana.{name}": given[name] for name in _GRAFANA_LINKS if given.get(name)}
    values = given.get("values")
    if isinstance(values, dict):
        extras |= {f"grafana.value.{name}": value for name, value in values.items()}
    elif given.get("valueString"):
        extras["grafana.values"] = given["valueString"]
    return {**given, "annotations": {**extras, **(given.get("annotations") or {})}}


def _alert(
    source: str, given: object, place: str, received_unix_ns: int, trust: str
) -> ExternalAlert:
    if not isinstance(given, dict):
        raise MalformedBody(f"{place}: must be an object")
    labels = texts(given.get("labels"), f"{place}.labels")
    starts = instant(given.get("startsAt"), f"{place}.startsAt")
    if starts is None:
        starts = received_unix_ns
    ends = None
    if given.get("status") == "resolved":
        # While an alert fires, `endsAt` is only when it would lapse; it counts once resolved.
        ends = instant(given.get("endsAt"), f"{place}.endsAt")
        ends = received_unix_ns if ends is None else ends
    return ExternalAlert(
        source=source,
        fingerprint=fingerprint_of(given.get("fingerprint"), labels),
        name=labels.get("alertname", "unnamed alert"),
        starts_unix_ns=starts,
        received_unix_ns=received_unix_ns,
        ends_unix_ns=ends,
        service=service_of(labels),
        operation=operation_of(labels),
        labels=labels,
        annotations=texts(given.get("annotations"), f"{place}.annotations"),
        trust=trust,
    )
