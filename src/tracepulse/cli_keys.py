"""`tracepulse keys`: make, list and revoke API keys, in the state database itself."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tracepulse.cli_options import AsJson
from tracepulse.cli_serve import setting_option
from tracepulse.clock import SystemClock
from tracepulse.config import load_settings
from tracepulse.errors import BadSetting, Unavailable

if TYPE_CHECKING:
    from tracepulse.store.state.records import StateStore

__all__ = ["keys"]

keys = typer.Typer(
    help="API keys: needed as soon as the server listens on a network. A running server takes"
    " changes up when it is started again.",
    no_args_is_help=True,
)

_SCOPES = ("ingest", "browser", "read", "admin")
_PREFIX = "tp_"

DataDir = Annotated[str | None, setting_option("data_dir")]
StateUrl = Annotated[str | None, setting_option("state_url")]


@keys.command("create")
def create(
    scope: Annotated[str, typer.Option(help="ingest, browser, read or admin (all of them).")],
    name: Annotated[str, typer.Option(help="Who or what uses it.")],
    data_dir: DataDir = None,
    state_url: StateUrl = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and print it, this once: only its hash is kept."""
    if scope not in _SCOPES:
        raise BadSetting(f"--scope {scope!r}: use {', '.join(_SCOPES)}")
    if not name.strip() or len(name) > 200:
        raise BadSetting("--name: say in up to 200 characters who or what uses the key")
    from tracepulse.receive.access import ApiKey, Scope, key_hash

    secret = _PREFIX + secrets.token_urlsafe(32)
    key = ApiKey(f"key_{secrets.token_hex(6)}", name.strip(), Scope(scope), key_hash(secret))
    with _state(data_dir, state_url, make=True) as state:
        state.put_key(key, SystemClock().now_unix_ns())
    if as_json:
        from tracepulse.cli_output import print_json

        print_json({"key_id": key.key_id, "name": key.name, "scope": scope, "key": secret})
        return
    typer.echo(secret)
    typer.echo(
        f"This is {key.key_id} with scope {scope}; it cannot be shown again. Send it as"
        " `x-api-key` or `Authorization: Bearer`.",
        err=True,
    )


@keys.command("list")
def list_keys(
    data_dir: DataDir = None, state_url: StateUrl = None, as_json: AsJson = False
) -> None:
    """List the keys in force; never the keys themselves."""
    from tracepulse.cli_output import print_json, print_table

    with _state(data_dir, state_url) as state:
        found = state.keys()
    if as_json:
        print_json([{"key_id": k.key_id, "name": k.name, "scope": k.scope.value} for k in found])
        return
    print_table(
        ("key id", "scope", "name"),
        [(k.key_id, k.scope.value, k.name) for k in found],
        empty="There are no API keys: the server answers this machine only.",
    )


@keys.command("revoke")
def revoke(
    key_id: Annotated[str, typer.Argument(help="key_… from `tracepulse keys list`.")],
    data_dir: DataDir = None,
    state_url: StateUrl = None,
) -> None:
    """Make a key useless from now on."""
    with _state(data_dir, state_url) as state:
        known = key_id in [each.key_id for each in state.keys()]  # noqa: SIM118 - not a mapping
        if not known or not state.revoke_key(key_id, SystemClock().now_unix_ns()):
            raise BadSetting(f"no key {key_id!r} is in force; `tracepulse keys list` shows them")
    typer.echo(f"{key_id} is revoked.")


@contextmanager
def _state(
    data_dir: str | None, state_url: str | None, make: bool = False
) -> Iterator["StateStore"]:
    settings = load_settings({"data_dir": data_dir, "state_url": state_url})
    url = settings.state_url
    if not url:
        folder = settings.data_dir.absolute()
        if make:
            _make(folder)
        elif not (folder / "state.db").exists():
            raise Unavailable(f"there is no data folder at {folder}; name it with --data-dir")
        url = f"sqlite:///{folder / 'state.db'}"
    from tracepulse.store.state.records import StateStore

    state = StateStore(url)
    try:
        yield state
    finally:
        state.close()


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise Unavailable(
            f"data folder {folder}: {error.strerror or error}; choose another with --data-dir"
        ) from error
