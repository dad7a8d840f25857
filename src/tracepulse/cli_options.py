"""Flags that several commands share."""

from typing import Annotated

import typer

__all__ = ["AsJson", "Attributes", "DataSet", "Limit", "Service", "Since", "Until", "Url"]

_INSTANT = "RFC 3339, Unix nanoseconds, or relative such as -15m."

Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        metavar="URL",
        help="Address of the server (or TRACEPULSE_URL); its key is read from TRACEPULSE_API_KEY.",
        show_default="http://127.0.0.1:8600",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the answer of the API as it is.")]
Service = Annotated[str, typer.Option(metavar="NAME", help="Only this service.")]
Attributes = Annotated[
    list[str] | None,
    typer.Option(
        "--attr", metavar="KEY=VALUE", help="Exactly this attribute; may be given several times."
    ),
]
Since = Annotated[
    str,
    typer.Option(
        metavar="TIME",
        help=f"From when: {_INSTANT}",
        show_default="one hour ago; the beginning of a data set",
    ),
]
Until = Annotated[
    str, typer.Option(metavar="TIME", help=f"Until when: {_INSTANT}", show_default="now")
]
DataSet = Annotated[
    str, typer.Option(metavar="NAME", help="Ask an imported data set, not the live telemetry.")
]
Limit = Annotated[int, typer.Option(min=1, help="At most so many.")]
