"""
How commands print: tables for people, JSON for programs.

What services and their users wrote passes through `inert`: an escape sequence in a log line must not
reach the terminal, and rich's own markup in it must mean nothing.
"""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tracepulse.context.quote import quoted_text
from tracepulse.units import format_count

__all__ = [
    "console",
    "failed",
    "inert",
    "moment",
    "print_json",
    "print_table",
    "say",
    "say_if_cut",
]

_MAX_CHARS = 2_000


def console() -> Console:
    """Return where people read; plain text of full width when it is not a terminal."""
    width = None if sys.stdout.isatty() else 200
    return Console(width=width, highlight=False, markup=False, emoji=False, soft_wrap=False)


def inert(text: str, max_chars: int = _MAX_CHARS) -> str:
    """Return text of others as it may be shown: one line, hidden characters escaped, cut."""
    shown, cut = quoted_text(text, max_chars)
    return shown.replace("\n", "⏎") + ("…" if cut else "")


def say(text: str = "", style: str = "") -> None:
    """Print a line of ours."""
    console().print(Text(text, style=style))


def print_json(answer: Any) -> None:
    """Print JSON as it came."""
    sys.stdout.write(json.dumps(answer, indent=2, ensure_ascii=False) + "\n")


def print_table(
    titles: Sequence[str],
    rows: Iterable[Sequence[str | Text]],
    right: Sequence[int] = (),
    empty: str = "Nothing found.",
    folded: Sequence[int] = (),
) -> None:
    """
    Print rows under titles; text in them is made inert.

    Args:
        right: columns of numbers, aligned right.
        empty: what is said when there are no rows.
        folded: columns whose text may take several lines; others are cut to fit.
    """
    table = Table(box=None, pad_edge=False, header_style="bold")
    for place, title in enumerate(titles):
        table.add_column(
            title,
            justify="right" if place in right else "left",
            overflow="fold" if place in folded else "ellipsis",
            no_wrap=place not in folded,
        )
    for row in rows:
        table.add_row(*(each if isinstance(each, Text) else Text(inert(each)) for each in row))
    if table.row_count:
        console().print(table)
    else:
        say(empty)


def moment(at: str) -> str:
    """Return RFC 3339 to the millisecond, without the letters."""
    return f"{at[:10]} {at[11:23]}"


def failed(count: int) -> Text:
    """Return a number of failures, which stands out when there are any."""
    return Text(format_count(count), style="red" if count else "")


def say_if_cut(answer: Mapping[str, Any]) -> None:
    """Say how to get the rest of a list, when there is one."""
    if not answer["complete"]:
        say("There are more; raise --limit or ask more narrowly.", style="bright_black")
