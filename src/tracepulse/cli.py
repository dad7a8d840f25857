"""The command line."""

import json
import sys
from collections.abc import Callable
from dataclasses import fields
from inspect import Parameter, Signature
from pathlib import Path
from typing import Annotated, Any

import typer

from tracepulse import __version__
from tracepulse.config import Settings, load_settings
from tracepulse.errors import TracePulseError

__all__ = ["app", "main"]

app = typer.Typer(
    name="tracepulse",
    help="Production telemetry in, answers with their evidence out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


def main() -> None:
    """Run the command line; what the operator can mend is one line and exit status 2."""
    try:
        app()
    except TracePulseError as error:
        print(f"tracepulse: {' '.join(str(error).split())}", file=sys.stderr)  # noqa: T201
        sys.exit(2)


def _serve(config: Path | None = None, **flags: Any) -> None:
    """Run the server: dashboard, API and MCP on one port, OTLP on two."""
    settings = load_settings(flags, file=config)
    from tracepulse.server import serve

    serve(settings)


def _with_settings(function: Callable[..., None]) -> Callable[..., None]:
    """Return the command with one flag for every setting."""
    parameters = [
        Parameter(
            "config",
            Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[
                Path | None, typer.Option("--config", help="A TOML file of settings.")
            ],
        )
    ]
    for each in fields(Settings):
        shown = ",".join(each.default) if isinstance(each.default, tuple) else str(each.default)
        parameters.append(
            Parameter(
                each.name,
                Parameter.KEYWORD_ONLY,
                default=None,
                annotation=Annotated[
                    str | None,
                    typer.Option(
                        f"--{each.name.replace('_', '-')}",
                        help=each.metadata["help"],
                        show_default=shown or False,
                    ),
                ],
            )
        )
    function.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    function.__annotations__ = {p.name: p.annotation for p in parameters}
    return function


app.command("serve")(_with_settings(_serve))


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


@app.command()
def doctor(url: Annotated[str | None, typer.Option(help="Address of the server.")] = None) -> None:
    """Show how a running server is."""
    from tracepulse.client import Api

    typer.echo(json.dumps(Api.from_environment(url).get("/api/doctor"), indent=2))


if __name__ == "__main__":
    main()


if __name__ == "__main__":
    main()
