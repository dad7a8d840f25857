"""`tracepulse import`: files of telemetry into a data set of a running server."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tracepulse.cli_options import AsJson
from tracepulse.errors import BadSetting

if TYPE_CHECKING:
    from tracepulse.import_sender import Outcome

__all__ = ["import_files"]

DEFAULT_OTLP_URL = "http://127.0.0.1:4318"
_SHOWN_SKIPS = 20


def import_files(
    paths: Annotated[list[Path], typer.Argument(help="Files and folders.", metavar="PATH…")],
    data_set: Annotated[
        str, typer.Option(metavar="NAME", help="Name to keep them under; never deleted by age.")
    ],
    otlp_url: Annotated[
        str,
        typer.Option(
            metavar="URL",
            help="The server's OTLP port over HTTP; its key is read from TRACEPULSE_API_KEY.",
        ),
    ] = DEFAULT_OTLP_URL,
    service: Annotated[
        str, typer.Option(metavar="NAME", help="Of log lines whose file does not tell.")
    ] = "",
    zone: Annotated[
        str, typer.Option(metavar="NAME", help="Of log times without one, like Europe/Berlin.")
    ] = "UTC",
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Exit status 1 also if something was skipped or rejected."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """
    Import telemetry: OTLP (protobuf, JSON, JSON lines), Jaeger, Zipkin, and log files.

    What a file holds is told from its contents, gzip and zstd are unpacked. What cannot be read is
    reported and does not stop the rest.
    """
    from tracepulse.import_sender import Sender
    from tracepulse.receive.admission import data_set_name_fault
    from tracepulse.receive.import_files import FileImport, ImportSettings

    if fault := data_set_name_fault(data_set):
        raise BadSetting(f"--data-set {data_set!r}: {fault}")
    if not otlp_url.startswith(("http://", "https://")):
        raise BadSetting(f"--otlp-url {otlp_url!r}: write it as {DEFAULT_OTLP_URL}")
    settings = ImportSettings(zone=_zone(zone), service=service)
    bar = _Bar(show=not as_json)
    files = FileImport(paths, settings, bar.progress)
    key = os.environ.get("TRACEPULSE_API_KEY", "")
    with bar, Sender(otlp_url, data_set, key) as sender:
        for batch in files:
            sender.send(
                batch.signal, batch.message.SerializeToString(), batch.records, batch.source
            )
        outcome = sender.finish()
    report = _report(files, outcome, data_set)
    if as_json:
        from tracepulse.cli_output import print_json

        print_json(report)
    else:
        _show(report)
    incomplete = report["skipped_count"] or outcome.rejected
    if outcome.refused or (strict and incomplete):
        raise typer.Exit(1)


def _zone(name: str) -> Any:
    from datetime import UTC
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    if name.upper() == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadSetting(f"--zone {name!r}: there is no such time zone") from None


class _Bar:
    """A progress bar on standard error, in bytes read of all files."""

    def __init__(self, show: bool) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn
        from rich.progress import TimeRemainingColumn as Remaining

        self._progress = Progress(
            TextColumn("{task.fields[file]}", markup=False, table_column=None),
            BarColumn(),
            DownloadColumn(binary_units=True),
            Remaining(),
            console=Console(stderr=True),
            disable=not show or not sys.stderr.isatty(),
            transient=True,
        )
        self._task = self._progress.add_task("", total=None, file="")

    def __enter__(self) -> "_Bar":
        self._progress.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._progress.stop()

    def progress(self, done_bytes: int, total_bytes: int, file: str) -> None:
        """Show how far the reading has come."""
        name = Path(file).name[-40:]
        self._progress.update(self._task, completed=done_bytes, total=total_bytes, file=name)


def _report(files: Any, outcome: "Outcome", data_set: str) -> dict[str, Any]:
    report = files.report
    return {
        "data_set": data_set,
        "files": len(report.files),
        "accepted": dict(sorted(outcome.accepted.items())),
        "rejected": outcome.rejected,
        "rejected_reasons": outcome.reasons,
        "refused_batches": [{"source": s, "reason": r} for s, r in outcome.refused],
        "skipped_count": report.skipped_count,
        "skipped": [
            {"path": each.path, "line": each.line, "reason": each.reason} for each in report.skipped
        ],
    }


def _show(report: dict[str, Any]) -> None:
    from tracepulse.cli_output import inert, say
    from tracepulse.units import format_count

    names = {"traces": "spans", "logs": "log records", "metrics": "metric points"}
    accepted = ", ".join(
        f"{format_count(count)} {names[signal]}" for signal, count in report["accepted"].items()
    )
    files = f"{report['files']:,} file{'' if report['files'] == 1 else 's'}"
    say(f"Data set {report['data_set']!r}: {accepted or 'nothing'} accepted from {files}.")
    if report["rejected"]:
        say(f"{format_count(report['rejected'])} records rejected by the server:", style="yellow")
        for reason in report["rejected_reasons"][:_SHOWN_SKIPS]:
            say(f"  {inert(reason)}")
    for each in report["refused_batches"][:_SHOWN_SKIPS]:
        say(f"Refused: {inert(each['source'])}: {inert(each['reason'])}", style="yellow")
    if report["skipped_count"]:
        say(f"{format_count(report['skipped_count'])} skipped:", style="yellow")
        for each in report["skipped"][:_SHOWN_SKIPS]:
            place = "" if each["line"] is None else f":{each['line']}"
            say(f"  {inert(each['path'])}{place}: {inert(each['reason'])}")
        if report["skipped_count"] > _SHOWN_SKIPS:
            say("  … (--json lists a thousand)")
