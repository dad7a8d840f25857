"""The command line: `tracepulse …`. Heavy modules are imported by the command that needs them."""

import os
import sys
from typing import NoReturn

import typer

from tracepulse import __version__
from tracepulse.cli_connect import connect
from tracepulse.cli_findings import findings
from tracepulse.cli_import import import_files
from tracepulse.cli_keys import keys
from tracepulse.cli_mcp import mcp
from tracepulse.cli_queries import add_queries
from tracepulse.cli_regressions import regressions, verify
from tracepulse.cli_run import run
from tracepulse.cli_serve import serve
from tracepulse.cli_set_aside import set_aside
from tracepulse.cli_whatif import opportunities, whatif
from tracepulse.errors import TracePulseError

__all__ = ["app", "main"]

app = typer.Typer(
    name="tracepulse",
    help="Production telemetry in, answers with their evidence out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("serve")(serve)
app.command("import")(import_files)
app.command("run", context_settings={"allow_interspersed_args": False})(run)
add_queries(app)
app.command("findings")(findings)
app.command("regressions")(regressions)
app.command("verify")(verify)
app.command("whatif")(whatif)
app.command("opportunities")(opportunities)
app.command("mcp")(mcp)
app.add_typer(keys, name="keys")
app.add_typer(connect, name="connect")
app.add_typer(set_aside, name="set-aside")


@app.command("version")
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


# Typer's own copy of click has no public name for it.
_UsageError: type[Exception] = typer.BadParameter.__mro__[1]


def _refuse(message: str) -> NoReturn:
    print(f"tracepulse: {' '.join(message.split())}", file=sys.stderr)  # noqa: T201
    sys.exit(2)


def main() -> None:
    """Run the command line; what the operator can mend is one line and exit status 2."""
    try:
        sys.exit(app(prog_name="tracepulse", standalone_mode=False))
    except TracePulseError as error:
        _refuse(str(error))
    except _UsageError as error:
        message = error.format_message().rstrip(".")  # type: ignore[attr-defined]
        if not message:  # the help was printed, for nothing was asked
            sys.exit(2)
        _refuse(f"{message}; see {error.ctx.command_path} --help")  # type: ignore[attr-defined]
    except typer.Abort:
        sys.exit(130)
    except BrokenPipeError:
        # Whoever read our output has enough, as `head` does; there is nobody left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


if __name__ == "__main__":
    main()
