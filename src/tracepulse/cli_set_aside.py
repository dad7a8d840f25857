"""`tracepulse set-aside`: messages that the engine refused, by way of the running server."""

from typing import Annotated, Any

import typer

from tracepulse.cli_options import AsJson, Url
from tracepulse.client import Api
from tracepulse.errors import BadSetting

__all__ = ["set_aside"]

set_aside = typer.Typer(
    help="Messages that the engine refused: kept until they are retried or discarded.",
    no_args_is_help=True,
)

_Id = Annotated[str, typer.Argument(metavar="ID", help="From `tracepulse set-aside list`.")]
_OptionalId = Annotated[
    str, typer.Argument(metavar="ID", help="From `tracepulse set-aside list`; or --all.")
]
_All = Annotated[bool, typer.Option("--all", help="Every message that is set aside.")]


@set_aside.command("list")
def list_messages(url: Url = None, as_json: AsJson = False) -> None:
    """List the messages, and damaged stretches of the journal."""
    from tracepulse.cli_output import moment, print_json, print_table, say
    from tracepulse.units import format_bytes, format_count

    answer = Api.from_environment(url).get("/api/set-aside")
    if as_json:
        print_json(answer)
        return
    print_table(
        ("message", "signal", "records", "size", "set aside", "reason"),
        (
            (
                each["message_id"],
                each["signal"],
                format_count(each["records"]),
                format_bytes(each["size_bytes"]),
                moment(each["set_aside_at"]),
                each["reason"] if each["readable"] else "(the file is damaged)",
            )
            for each in answer["messages"]
        ),
        right=(2, 3),
        empty="No message is set aside.",
    )
    if answer["damaged"]:
        say()
        print_table(
            ("damaged segment", "signal", "bytes", "records", "received after", "and before"),
            (
                (
                    each["segment_id"],
                    each["signal"],
                    f"{each['start']}-{each['end']}",
                    format_count(each["records"]) if each["records"] else "unknown",
                    moment(each["after_at"]),
                    moment(each["before_at"]),
                )
                for each in answer["damaged"]
            ),
            right=(3,),
        )


@set_aside.command("show")
def show(message_id: _Id, url: Url = None, as_json: AsJson = False) -> None:
    """Print a message as OTLP/JSON, without secrets."""
    from tracepulse.cli_output import inert, print_json, say

    answer = Api.from_environment(url).get(_path(message_id))
    if as_json:
        print_json(answer)
        return
    say(f"{answer['records']} records ({answer['signal']}) by {answer['origin']}")
    say(f"Refused: {inert(answer['reason'])}")
    if answer["request"] is None:
        say("It cannot be decoded.")
        return
    print_json(answer["request"])
    if answer["records_left_out"]:
        say(f"{answer['records_left_out']} more records are not shown.")


@set_aside.command("retry")
def retry(
    message_id: _OptionalId = "", every: _All = False, url: Url = None, as_json: AsJson = False
) -> None:
    """Put a message, or all, into the journal again; what is still refused is set aside anew."""
    api = Api.from_environment(url)
    answers = [
        {"message_id": each, **api.post(f"{_path(each)}/retry")}
        for each in _chosen(api, message_id, every)
    ]
    _report(answers, as_json, "{message_id} is queued as segment {segment_id}.")


@set_aside.command("discard")
def discard(
    message_id: _OptionalId = "", every: _All = False, url: Url = None, as_json: AsJson = False
) -> None:
    """Remove a message, or all, for good."""
    api = Api.from_environment(url)
    answers = [
        {"message_id": each, **api.delete(_path(each))} for each in _chosen(api, message_id, every)
    ]
    _report(answers, as_json, "{message_id} with {records} records is gone.")


def _chosen(api: Api, message_id: str, every: bool) -> list[str]:
    if bool(message_id) == every:
        raise BadSetting("name one message, or use --all")
    if message_id:
        return [message_id]
    return [each["message_id"] for each in api.get("/api/set-aside")["messages"]]


def _path(message_id: str) -> str:
    from urllib.parse import quote

    return f"/api/set-aside/{quote(message_id, safe='')}"


def _report(answers: list[dict[str, Any]], as_json: bool, sentence: str) -> None:
    from tracepulse.cli_output import print_json, say

    if as_json:
        print_json(answers)
        return
    for each in answers:
        say(sentence.format(**each))
    if not answers:
        say("No message is set aside.")
