"""`tracepulse connect`: systems whose logs are followed, or fetched for a window."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tracepulse.cli_options import AsJson, Url
from tracepulse.client import Api
from tracepulse.errors import BadSetting

if TYPE_CHECKING:
    from tracepulse.receive.pull.configured import Connector

__all__ = ["connect"]

connect = typer.Typer(
    help="Systems that keep logs and are asked for them: Loki, Elasticsearch, OpenSearch, Splunk.",
    no_args_is_help=True,
)

_Name = Annotated[str, typer.Argument(metavar="NAME", help="Of the connector: [connector.NAME].")]
_File = Annotated[
    Path | None,
    typer.Option(
        "--connectors-file",
        envvar="TRACEPULSE_CONNECTORS_FILE",
        metavar="FILE",
        help="TOML file of connectors.",
    ),
]
_NEEDED = "name the file of connectors with --connectors-file or TRACEPULSE_CONNECTORS_FILE"


@connect.command("test")
def prove_connection(name: _Name, connectors_file: _File = None, as_json: AsJson = False) -> None:
    """Prove a connection: ask the source what it is, and for its latest records. Keeps nothing."""
    from tracepulse.clock import SystemClock
    from tracepulse.receive.pull.connectors import prove

    connector = _configured(connectors_file, name)
    proof = prove(connector, SystemClock().now_unix_ns())
    if as_json:
        from tracepulse.cli_output import print_json
        from tracepulse.instants import rfc3339

        newest = proof.newest_unix_ns
        print_json(
            {
                "name": connector.name,
                "kind": connector.kind,
                "server": proof.server,
                "records": proof.records,
                "newest_at": None if newest is None else rfc3339(newest),
                "services": list(proof.services),
                "notes": list(proof.notes),
            }
        )
        return
    from tracepulse.cli_output import inert, moment, say
    from tracepulse.instants import rfc3339

    say(f"{connector.name}: {inert(proof.server)} answers at {inert(connector.url)}.")
    if proof.newest_unix_ns is not None:
        newest_at = moment(rfc3339(proof.newest_unix_ns))
        say(f"{proof.records:,} records were read, the newest of {newest_at}.")
        say(f"Services: {inert(', '.join(proof.services))}")
    for note in proof.notes:
        say(f"Note: {inert(note)}.")


@connect.command("list")
def list_connectors(
    connectors_file: _File = None, url: Url = None, as_json: AsJson = False
) -> None:
    """List the connectors of a running server and how they are; with a file, those in the file."""
    from tracepulse.cli_output import inert, print_json, print_table

    if connectors_file is not None:
        from tracepulse.receive.pull.configured import read_connectors

        listed: list[dict[str, Any]] = [
            {
                "name": each.name,
                "kind": each.kind,
                "place": each.url or ", ".join(each.paths),
                "follows": each.follow,
                "detail": "configured",
            }
            for each in read_connectors(connectors_file)
        ]
    else:
        listed = Api.from_environment(url).get("/api/connectors")["connectors"]
    if as_json:
        print_json({"connectors": listed})
        return
    print_table(
        ("connector", "kind", "place", "follows", "state"),
        (
            (
                each["name"],
                each["kind"],
                inert(each["place"]),
                "yes" if each["follows"] else "no",
                inert(each["detail"]),
            )
            for each in listed
        ),
        empty="There are no connectors.",
    )


@connect.command("fetch")
def fetch(
    name: _Name,
    since: Annotated[
        str, typer.Option("--from", metavar="TIME", help="RFC 3339, Unix ns, or -2h.")
    ],
    until: Annotated[
        str, typer.Option("--to", metavar="TIME", help="Likewise.", show_default="now")
    ] = "",
    max_bytes: Annotated[
        int | None, typer.Option(min=1024, help="To read at most; else the connector's own.")
    ] = None,
    max_s: Annotated[
        float | None, typer.Option(min=0.1, max=600, help="To take at most, in seconds; likewise.")
    ] = None,
    around: Annotated[
        str,
        typer.Option(
            metavar="TIME",
            help="What lies nearest to it is read first, such as the onset of an incident.",
            show_default="the earliest first",
        ),
    ] = "",
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """
    Fetch a window of what a source keeps into the running server; says what was left out.

    Asking again goes on where the budget ended; nothing is taken twice. The status is 1 where
    something was left out.
    """
    from urllib.parse import quote

    api = Api.from_environment(url, timeout_s=660)
    parameters = {
        "since": since,
        "until": until,
        "max_bytes": max_bytes,
        "max_s": max_s,
        "around": around,
    }
    answer = api.post(f"/api/connectors/{quote(name, safe='')}/fetch", parameters)
    if as_json:
        from tracepulse.cli_output import print_json

        print_json(answer)
    else:
        _show(answer)
    if not answer["complete"]:
        raise typer.Exit(1)


def _configured(connectors_file: Path | None, name: str) -> "Connector":
    from tracepulse.receive.pull.configured import read_connectors

    if connectors_file is None:
        raise BadSetting(_NEEDED)
    connectors = {each.name: each for each in read_connectors(connectors_file)}
    if name not in connectors:
        known = ", ".join(connectors) or "none"
        raise BadSetting(f"{connectors_file}: there is no connector {name!r}; there are: {known}")
    return connectors[name]


def _show(answer: dict[str, Any]) -> None:
    from tracepulse.cli_output import inert, moment, say
    from tracepulse.units import format_bytes, format_count

    say(
        f"{format_count(answer['records'])} records taken, {format_count(answer['repeated'])}"
        f" had come before; {format_bytes(answer['bytes_read'])} read"
        f" in {answer['requests']:,} requests."
    )
    if answer["rejected"]:
        say(f"{format_count(answer['rejected'])} were not kept; see `tracepulse doctor`.")
    for each in answer["left_out"]:
        known = (
            "" if each["records"] is None else f", about {format_count(each['records'])} records"
        )
        size = "" if each["size_bytes"] is None else f", {format_bytes(each['size_bytes'])}"
        say(
            f"Left out: {moment(each['start_at'])} to {moment(each['end_at'])}{known}{size}:"
            f" {inert(each['why'])}.",
            style="yellow",
        )
