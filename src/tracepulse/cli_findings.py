"""The command that asks for findings by shape, and how people read them."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from tracepulse.cli_options import AsJson, Attributes, DataSet, Limit, Service, Since, Until, Url
from tracepulse.client import Api

__all__ = ["findings", "show_findings"]

Answer = Mapping[str, Any]


def findings(
    route: Annotated[str, typer.Option(metavar="NAME", help="Name of the requests' root span.")],
    service: Service = "",
    slow: Annotated[
        str, typer.Option(metavar="pNN", help="Slower than this percentile are the slow ones.")
    ] = "p95",
    attr: Attributes = None,
    since: Since = "",
    until: Until = "",
    data_set: DataSet = "",
    limit: Limit = 20,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Show what requests of a route waste time on: loops of calls, calls in a row, retries, waits."""
    from tracepulse.cli_output import print_json

    asked = {
        "route": route,
        "service": service,
        "slow": slow,
        "attr": attr,
        "since": since,
        "until": until,
        "data_set": data_set,
        "limit": limit,
    }
    answer = Api.from_environment(url).get("/api/findings", asked)
    if as_json:
        print_json(answer)
    else:
        show_findings(answer)


def show_findings(answer: Answer) -> None:
    """Print findings, the most costly first."""
    from tracepulse.cli_output import inert, say
    from tracepulse.units import format_count, format_duration, format_ratio

    requests = answer["usual_requests"] + answer["slow_requests"]
    mean = format_duration(round(answer["mean_ns"]))
    say(f"{format_count(requests)} requests, mean {mean}")
    if not answer["findings"]:
        say("Nothing of the known shapes costs them much.")
    for each in answer["findings"]:
        cost = format_duration(round(each["per_request_ns"]))
        share = each["share_ratio"]
        of_slow = "" if share is None else f", {format_ratio(share)} of what slow ones take longer"
        say(f"{each['shape']}  {cost} a request{of_slow}")
        say(f"  {inert(each['service'], 60)}: {inert(each['operation'], 120)}")
        say(f"  {inert(each['said'], 600)}")
        say(f"  {' '.join(each['trace_ids'])}")
    if not answer["complete"]:
        say("There are more; raise --limit.")
    if answer["sampled"]:
        say("A sample of the requests was read.")
