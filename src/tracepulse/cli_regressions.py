"""`tracepulse regressions` and `tracepulse verify`: what became slower, and whether a fix helped."""

from collections.abc import Callable
from typing import Annotated, Any

import typer

from tracepulse.cli_options import AsJson, DataSet, Limit, Url
from tracepulse.client import Api

__all__ = ["regressions", "verify"]


def regressions(
    regression_id: Annotated[
        str, typer.Argument(help="Show this one; without it, list them.")
    ] = "",
    state: Annotated[str, typer.Option(help="open, over or stayed.")] = "",
    limit: Limit = 20,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """List routes and pages that became slower and stayed so."""
    from urllib.parse import quote

    from tracepulse.cli_regression_views import show_regression, show_regressions

    api = Api.from_environment(url)
    if regression_id:
        one = api.get(f"/api/regressions/{quote(regression_id, safe='')}")
        _show(one, show_regression, as_json)
        return
    answer = api.get("/api/regressions", {"state": state, "limit": limit})
    _show(answer, show_regressions, as_json)


def verify(
    route: Annotated[
        str, typer.Option(metavar="NAME", help="Name of the root or serving span.")
    ] = "",
    service: Annotated[
        str, typer.Option(metavar="NAME", help="Of that span, or of the page.")
    ] = "",
    fixed_at: Annotated[str, typer.Option(metavar="TIME", help="When it was fixed.")] = "",
    versions: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="A B", help="Or: version B, with the fix, against A."),
    ] = None,
    regression: Annotated[
        str, typer.Option(metavar="ID", help="The route, metric and onset of this regression.")
    ] = "",
    incident: Annotated[
        str,
        typer.Option(metavar="ID", help="The route of this incident, and when it was resolved."),
    ] = "",
    metric: Annotated[
        str,
        typer.Option(help="p50 or p95 of the latency; lcp, inp, cls or ttfb.", show_default="p95"),
    ] = "",
    data_set: DataSet = "",
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Say whether a route is faster since a fix, or how long to wait until it is known."""
    from tracepulse.cli_regression_views import show_verdict

    version_a, version_b = versions or ("", "")
    answer = Api.from_environment(url).get(
        "/api/verify",
        {
            "route": route,
            "service": service,
            "metric": metric,
            "fixed_at": fixed_at,
            "version_a": version_a,
            "version_b": version_b,
            "regression": regression,
            "incident": incident,
            "data_set": data_set,
        },
    )
    _show(answer, show_verdict, as_json)


def _show(answer: Any, view: Callable[[Any], None], as_json: bool) -> None:
    if as_json:
        from tracepulse.cli_output import print_json

        print_json(answer)
    else:
        view(answer)
