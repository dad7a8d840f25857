"""Commands that ask a running server: traces, logs, metrics, flows, path, incidents, context, …"""

from typing import Annotated, Any

import typer

from tracepulse.cli_options import (
    AsJson,
    Attributes,
    DataSet,
    Limit,
    Service,
    Since,
    Until,
    Url,
)
from tracepulse.client import Api

__all__ = ["add_queries"]


def add_queries(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (traces, logs, patterns, metrics, flows, path, why, incidents, context, doctor):
        app.command(command.__name__)(command)


def traces(
    trace_id: Annotated[str, typer.Argument(help="Show this trace; without it, search.")] = "",
    service: Service = "",
    operation: Annotated[str, typer.Option(metavar="NAME", help="A span's name.")] = "",
    attr: Attributes = None,
    min_duration_ms: Annotated[
        float | None, typer.Option(min=0, help="Of a span, at least.")
    ] = None,
    max_duration_ms: Annotated[
        float | None, typer.Option(min=0, help="Of a span, at most.")
    ] = None,
    status: Annotated[str, typer.Option(help="unset, ok or error.")] = "",
    text: Annotated[str, typer.Option(help="In a span's name or status message.")] = "",
    since: Since = "",
    until: Until = "",
    limit: Limit = 20,
    data_set: DataSet = "",
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Search traces, or show one as a tree."""
    from tracepulse.cli_trace_views import show_trace, show_traces

    api = Api.from_environment(url)
    if trace_id:
        _show(api.get(f"/api/traces/{_segment(trace_id)}"), show_trace, as_json)
        return
    answer = api.get(
        "/api/traces",
        {
            "service": service,
            "operation": operation,
            "attr": attr,
            "min_duration_ms": min_duration_ms,
            "max_duration_ms": max_duration_ms,
            "status": status,
            "text": text,
            "since": since,
            "until": until,
            "limit": limit,
            "data_set": data_set,
        },
    )
    _show(answer, show_traces, as_json)


def logs(
    service: Service = "",
    severity: Annotated[
        str, typer.Option(help="At least: trace, debug, info, warn, error or fatal.")
    ] = "",
    text: Annotated[str, typer.Option(help="In the body, whatever the case.")] = "",
    word: Annotated[
        str, typer.Option(help="In the body, whole and as written: an id, say. Fast.")
    ] = "",
    trace_id: Annotated[str, typer.Option(metavar="ID", help="Lines of this trace.")] = "",
    attr: Attributes = None,
    since: Since = "",
    until: Until = "",
    limit: Limit = 50,
    data_set: DataSet = "",
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Search log lines; the newest stands last."""
    from tracepulse.cli_views import show_logs

    answer = Api.from_environment(url).get(
        "/api/logs",
        {
            "service": service,
            "severity": severity,
            "text": text,
            "word": word,
            "trace_id": trace_id,
            "attr": attr,
            "since": since,
            "until": until,
            "limit": limit,
            "data_set": data_set,
        },
    )
    _show(answer, show_logs, as_json)


def patterns(
    template_id: Annotated[
        str, typer.Argument(help="Show this template by minute; without it, list all.")
    ] = "",
    service: Service = "",
    since: Since = "",
    until: Until = "",
    limit: Limit = 50,
    data_set: DataSet = "",
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Count log lines by template: what was written, with <*> for what varies."""
    from tracepulse.cli_views import show_pattern, show_patterns

    api = Api.from_environment(url)
    asked = {"service": service, "since": since, "until": until, "data_set": data_set}
    if template_id:
        answer = api.get(f"/api/log-patterns/{_segment(template_id)}", asked)
        _show(answer, show_pattern, as_json)
        return
    _show(api.get("/api/log-patterns", {**asked, "limit": limit}), show_patterns, as_json)


def metrics(
    name: Annotated[str, typer.Argument(help="Show this metric; without it, list all.")] = "",
    service: Service = "",
    attr: Attributes = None,
    since: Since = "",
    until: Until = "",
    step_s: Annotated[
        int | None, typer.Option(min=1, help="Seconds per point.", show_default="what fits")
    ] = None,
    data_set: DataSet = "",
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """List metrics, or show the series of one."""
    from tracepulse.cli_views import show_metric_names, show_metric_series

    answer = Api.from_environment(url).get(
        "/api/metrics",
        {
            "name": name,
            "service": service,
            "attr": attr,
            "since": since,
            "until": until,
            "step_s": step_s,
            "data_set": data_set,
        },
    )
    _show(answer, show_metric_series if name else show_metric_names, as_json)


def flows(
    edge: Annotated[
        str, typer.Option(metavar="CALLER,CALLEE", help="What shows this edge, kind by kind.")
    ] = "",
    routes: Annotated[bool, typer.Option(help="The ways requests take, by entry route.")] = False,
    modules: Annotated[bool, typer.Option(help="The modules inside services.")] = False,
    service: Annotated[
        str, typer.Option(metavar="NAME", help="With --routes, --modules: of this one.")
    ] = "",
    form: Annotated[
        str, typer.Option("--format", metavar="FORM", help="table, mermaid or dot.")
    ] = "table",
    since: Since = "",
    until: Until = "",
    data_set: DataSet = "",
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Show which service calls which, what shows it, and the ways that requests take."""
    from tracepulse.cli_flow_views import show_edge, show_flows, show_modules, show_routes

    api = Api.from_environment(url)
    asked = {"since": since, "until": until, "data_set": data_set}
    if edge:
        caller, _, callee = edge.rpartition(",")
        answer = api.get("/api/flows/edge", {"caller": caller, "callee": callee, **asked})
        _show(answer, show_edge, as_json)
        return
    place = "/api/flows"
    if routes or modules:
        place += "/routes" if routes else "/modules"
        asked["service"] = service
    if form in ("mermaid", "dot") and not modules:
        typer.echo(api.text(place, {**asked, "format": form}), nl=False)
        return
    shown = show_routes if routes else show_modules if modules else show_flows
    _show(api.get(place, asked), shown, as_json)


def path(
    trace_id: Annotated[str, typer.Argument(help="32 hex digits.")],
    root_span_id: Annotated[
        str, typer.Option(metavar="ID", help="Take this span as the root.")
    ] = "",
    until: Annotated[
        str,
        typer.Option(
            metavar="WHEN",
            help="end of the root; lcp, largest paint of a page; inp, next paint after an interaction.",
        ),
    ] = "end",
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Show what a trace was waiting for, instant by instant."""
    from tracepulse.cli_trace_views import show_path

    answer = Api.from_environment(url).get(
        f"/api/traces/{_segment(trace_id)}/path", {"root_span_id": root_span_id, "until": until}
    )
    _show(answer, show_path, as_json)


def why(
    route: Annotated[str, typer.Option(metavar="NAME", help="Name of the requests' root span.")],
    service: Service = "",
    slow: Annotated[
        str, typer.Option(metavar="pNN", help="Slower than this percentile against the rest.")
    ] = "p95",
    before: Annotated[
        str, typer.Option(metavar="TIME", help="Requests before this instant against …")
    ] = "",
    after: Annotated[
        str, typer.Option(metavar="TIME", help="… those from this one on; one may be left out.")
    ] = "",
    versions: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="A B", help="Requests of version B against those of A."),
    ] = None,
    graph: Annotated[
        str, typer.Option(metavar="FORM", help="Who waited for whom, as json, dot or mermaid.")
    ] = "",
    flame: Annotated[
        str,
        typer.Option(
            metavar="FORM",
            help="What was waited for by the way of calls: json for d3-flame-graph; usual, slow or"
            " both as folded stacks.",
        ),
    ] = "",
    attr: Attributes = None,
    since: Since = "",
    until: Until = "",
    data_set: DataSet = "",
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Show what slower requests of a route waited for longer than others."""
    from tracepulse.cli_why import show_why

    version_a, version_b = versions or ("", "")
    api = Api.from_environment(url)
    asked = {
        "route": route,
        "service": service,
        "slow": slow,
        "before": before,
        "after": after,
        "version_a": version_a,
        "version_b": version_b,
        "attr": attr,
        "since": since,
        "until": until,
        "data_set": data_set,
    }
    if graph:
        typer.echo(api.text("/api/causal-graph", {**asked, "format": graph}).rstrip("\n"))
        return
    if flame:
        form = {"format": "json"} if flame == "json" else {"format": "folded", "cohort": flame}
        typer.echo(api.text("/api/flame-graph", {**asked, **form}).rstrip("\n"))
        return
    answer = api.get("/api/why", asked)
    _show(answer, show_why, as_json)


def incidents(
    incident_id: Annotated[str, typer.Argument(help="Show this one; without it, list.")] = "",
    state: Annotated[str, typer.Option(help="open, acknowledged or resolved.")] = "",
    limit: Limit = 20,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """List incidents, or show one with its causes."""
    from tracepulse.cli_views import show_incident, show_incidents

    api = Api.from_environment(url)
    if incident_id:
        _show(api.get(f"/api/incidents/{_segment(incident_id)}"), show_incident, as_json)
    else:
        answer = api.get("/api/incidents", {"state": state, "limit": limit})
        _show(answer, show_incidents, as_json)


def context(
    incident_id: Annotated[str, typer.Argument(help="inc_… from `tracepulse incidents`.")],
    max_tokens: Annotated[
        int | None, typer.Option(min=1, help="Budget.", show_default="6000")
    ] = None,
    url: Url = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="The bundle by its schema; else Markdown.")
    ] = False,
) -> None:
    """Print the context bundle of an incident, for people and assistants."""
    import sys

    answer = Api.from_environment(url).text(
        f"/api/incidents/{_segment(incident_id)}/context",
        {"format": "json" if as_json else "markdown", "max_tokens": max_tokens},
    )
    sys.stdout.write(answer if answer.endswith("\n") else answer + "\n")


def doctor(url: Url = None, as_json: AsJson = False) -> None:
    """Show how a running server is; exit status 1 when a check fails."""
    from tracepulse.cli_views import show_doctor

    answer = Api.from_environment(url).get("/api/doctor")
    _show(answer, show_doctor, as_json)
    if not all(check["ok"] for check in answer["checks"]):
        raise typer.Exit(1)


def _segment(text: str) -> str:
    from urllib.parse import quote

    return quote(text, safe="")


def _show(answer: Any, view: Any, as_json: bool) -> None:
    if as_json:
        from tracepulse.cli_output import print_json

        print_json(answer)
    else:
        view(answer)
