"""Commands: what if something were faster, and where that pays."""

from collections.abc import Callable
from typing import Annotated, Any

import typer

from tracepulse.cli_options import AsJson, Attributes, DataSet, Limit, Service, Since, Until, Url
from tracepulse.client import Api

__all__ = ["opportunities", "whatif"]

Route = Annotated[str, typer.Option(metavar="NAME", help="Name of the requests' root span.")]


def whatif(
    node: Annotated[
        str,
        typer.Option(metavar="NODE", help="'service: operation', also with '-> resource' behind."),
    ],
    route: Route = "",
    service: Service = "",
    faster: Annotated[
        str, typer.Option(metavar="SHARE|LENGTH", help="50% or 20ms; below 0 is slower.")
    ] = "",
    to: Annotated[
        str, typer.Option(metavar="LENGTH", help="What takes longer takes so long.")
    ] = "",
    removed: Annotated[bool, typer.Option("--removed", help="Gone, with all below.")] = False,
    parallel: Annotated[
        bool, typer.Option("--parallel", help="Calls run beside their like.")
    ] = False,
    attr: Attributes = None,
    since: Since = "",
    until: Until = "",
    data_set: DataSet = "",
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Predict how long requests would take, were a place in them faster, slower, gone or parallel."""
    from tracepulse.cli_whatif_views import show_whatif

    asked = {
        "node": node,
        "faster": faster,
        "to": to,
        "removed": str(removed).lower(),
        "parallel": str(parallel).lower(),
    }
    cohort = _cohort(route, service, attr, since, until, data_set)
    answer = Api.from_environment(url).get("/api/whatif", cohort | asked)
    _show(answer, show_whatif, as_json)


def opportunities(
    route: Route = "",
    service: Service = "",
    attr: Attributes = None,
    since: Since = "",
    until: Until = "",
    limit: Limit = 20,
    data_set: DataSet = "",
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """List places by what is gained where each is halved, or its calls made side by side."""
    from tracepulse.cli_whatif_views import show_opportunities

    cohort = _cohort(route, service, attr, since, until, data_set)
    answer = Api.from_environment(url).get("/api/opportunities", cohort | {"limit": limit})
    _show(answer, show_opportunities, as_json)


def _cohort(
    route: str, service: str, attr: list[str] | None, since: str, until: str, data_set: str
) -> dict[str, Any]:
    return {
        "route": route,
        "service": service,
        "attr": attr,
        "since": since,
        "until": until,
        "data_set": data_set,
    }


def _show(answer: Any, view: Callable[[Any], None], as_json: bool) -> None:
    if as_json:
        from tracepulse.cli_output import print_json

        print_json(answer)
    else:
        view(answer)
