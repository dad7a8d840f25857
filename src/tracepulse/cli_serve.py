"""`tracepulse serve`, with one flag for every setting."""

from collections.abc import Callable
from dataclasses import fields
from inspect import Parameter, Signature
from pathlib import Path
from typing import Annotated, Any

import typer

from tracepulse.config import Settings, load_settings

__all__ = ["serve", "setting_option"]


def setting_option(name: str) -> Any:
    """Return a command's option for one setting, with the setting's own help."""
    (setting,) = (each for each in fields(Settings) if each.name == name)
    default = setting.default
    shown = ",".join(default) if isinstance(default, tuple) else str(default)
    return typer.Option(
        f"--{name.replace('_', '-')}",
        help=setting.metadata["help"],
        show_default=shown or False,
        metavar="VALUE",
    )


_CONFIG = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="A TOML file of settings.")
]


def _with_settings(function: Callable[..., None]) -> Callable[..., None]:
    annotations: dict[str, Any] = {"config": _CONFIG} | {
        each.name: Annotated[str | None, setting_option(each.name)] for each in fields(Settings)
    }
    function.__signature__ = Signature(  # type: ignore[attr-defined]
        [
            Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
            for name, annotation in annotations.items()
        ]
    )
    function.__annotations__ = annotations
    return function


@_with_settings
def serve(config: Path | None = None, **flags: Any) -> None:
    """
    Run the server: the page, API and MCP on one port, OTLP on two others.

    Each flag may also be given as a variable, TRACEPULSE_PORT for --port, or in a TOML file.
    """
    settings = load_settings(flags, file=config)
    from tracepulse import server

    server.serve(settings)
