"""
Every setting, once: name, type, unit, default and help.

A setting is given as a flag (`--otlp-http-port 4318`), as a variable (`TRACEPULSE_OTLP_HTTP_PORT`)
or in a TOML file (`otlp_http_port = 4318`), and wins in that order.
"""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from tracepulse.errors import BadSetting

__all__ = ["Settings", "address_and_port", "load_settings", "webhook_secret"]


def _setting(default: Any, help_text: str) -> Any:
    return field(default=default, metadata={"help": help_text})


@dataclass(frozen=True, slots=True)
class Settings:
    """What the server runs with."""

    data_dir: Path = _setting(Path("tracepulse-data"), "Folder for everything that is kept.")
    host: str = _setting("127.0.0.1", "Address to listen on; anything but loopback needs API keys.")
    port: int = _setting(8600, "Port of the dashboard, the REST API and MCP.")
    otlp_http_port: int = _setting(4318, "Port of OTLP over HTTP.")
    otlp_grpc_port: int = _setting(4317, "Port of OTLP over gRPC.")
    storage_url: str = _setting(
        "", "A ClickHouse server, http://user:password@host:8123/database; empty is embedded."
    )
    in_place_url: str = _setting(
        "",
        "A ClickHouse that an OpenTelemetry Collector fills, to be read where it is and never"
        " written, http://user:password@host:8123/database; then nothing is received.",
    )
    in_place_tables: tuple[str, ...] = _setting(
        (), "Tables there that are not named as the exporter names them: traces=spans,logs=lines."
    )
    state_url: str = _setting(
        "", "The state database, postgresql+psycopg://…; empty is SQLite in the data folder."
    )
    retention_days: int = _setting(30, "Days that live telemetry is kept; data sets are for ever.")
    allowed_origins: tuple[str, ...] = _setting(
        (), "Web origins whose pages may send OTLP, separated by commas; * is any."
    )
    log_files: tuple[str, ...] = _setting(
        (), "Log files to follow, as patterns separated by commas; the service is the file's name."
    )
    syslog_listen: str = _setting(
        "",
        "HOST:PORT to take syslog on, over TCP and UDP; empty is nowhere. Syslog knows no keys: open it"
        " only to machines that you trust.",
    )
    github_secret_file: str = _setting(
        "", "File that holds the secret with which GitHub signs its webhooks."
    )
    sentry_secret_file: str = _setting(
        "", "File that holds the client secret of Sentry's integration, which signs its webhooks."
    )
    connectors_file: str = _setting(
        "", "TOML file of connectors: systems whose logs are followed or fetched where they are."
    )
    allowed_hosts: tuple[str, ...] = _setting(
        (), "Further names that the dashboard and API are called by, separated by commas."
    )
    code_roots: tuple[str, ...] = _setting(
        (), "Folders under which repositories of deployed code may be read, separated by commas."
    )


_PORTS = ("port", "otlp_http_port", "otlp_grpc_port")


def load_settings(
    flags: Mapping[str, Any],
    environment: Mapping[str, str] | None = None,
    file: Path | None = None,
) -> Settings:
    """
    Return the settings from flags, variables and file, in that order.

    Args:
        flags: by setting name; None means not given.
    Raises:
        BadSetting: one of them is unknown or cannot be used; the text says which and why.
    """
    env = os.environ if environment is None else environment
    from_file = _read_file(file)
    values: dict[str, Any] = {}
    for each in fields(Settings):
        variable = f"TRACEPULSE_{each.name.upper()}"
        for source, given in (
            (f"--{each.name.replace('_', '-')}", flags.get(each.name)),
            (variable, env.get(variable)),
            (f"{file}: {each.name}", from_file.get(each.name)),
        ):
            if given is not None:
                values[each.name] = _convert(source, given, each.default)
                break
    settings = Settings(**values)
    _check(settings)
    return settings


def _read_file(file: Path | None) -> dict[str, Any]:
    if file is None:
        return {}
    try:
        content = tomllib.loads(file.read_text())
    except OSError as error:
        raise BadSetting(f"settings file {file}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadSetting(f"settings file {file}: {error}") from error
    known = {each.name for each in fields(Settings)}
    for name in content:
        if name not in known:
            raise BadSetting(f"settings file {file}: there is no setting {name!r}")
    return content


def _convert(source: str, given: Any, default: Any) -> Any:
    match default:
        case int():
            if isinstance(given, (bool, float)):
                raise BadSetting(f"{source}: {given!r} is not a whole number")
            try:
                return int(given)
            except (TypeError, ValueError):
                raise BadSetting(f"{source}: {given!r} is not a whole number") from None
        case tuple():
            if isinstance(given, str):
                return tuple(part.strip() for part in given.split(",") if part.strip())
            if not isinstance(given, (list, tuple)):
                raise BadSetting(f"{source}: {given!r} is not a list of texts")
            return tuple(_text(source, part) for part in given)
        case Path():
            return Path(
                _text(source, str(given) if isinstance(given, Path) else given)
            ).expanduser()
        case _:
            return _text(source, given)


def _text(source: str, given: Any) -> str:
    if not isinstance(given, str):
        raise BadSetting(f"{source}: {given!r} is not a text")
    return given


def address_and_port(name: str, text: str) -> tuple[str, int]:
    """
    Return the parts of HOST:PORT or [v6]:PORT.

    Raises:
        BadSetting: it is not that.
    """
    host, colon, port = text.rpartition(":")
    bare = host.strip("[]")
    if not (colon and bare and port.isdecimal() and int(port) <= 65535):
        raise BadSetting(f"{name}: {text!r} is not HOST:PORT, such as 127.0.0.1:5514")
    if ":" in bare and host[:1] != "[":
        raise BadSetting(f"{name}: write an IPv6 address in brackets, [{bare}]:{port}")
    return bare, int(port)


def webhook_secret(settings: Settings, sender: str) -> bytes:
    """
    Return what a sender's webhooks are signed with; b"" where no file is named.

    Args:
        sender: github or sentry.
    Raises:
        BadSetting: the file cannot be read, or is empty.
    """
    name = f"{sender}_secret_file"
    path = getattr(settings, name)
    if not path:
        return b""
    try:
        secret = Path(path).expanduser().read_bytes().strip()
    except OSError as error:
        raise BadSetting(f"{name}: {path}: {error.strerror}") from error
    if not secret:
        raise BadSetting(f"{name}: {path} is empty; write the secret into it")
    return secret


def _check(settings: Settings) -> None:
    for sender in ("github", "sentry"):
        webhook_secret(settings, sender)
    for name in _PORTS:
        port = getattr(settings, name)
        if not 0 <= port <= 65535:
            raise BadSetting(f"{name}: {port} is not a port; use 1 to 65535")
    used = [getattr(settings, name) for name in _PORTS if getattr(settings, name)]
    if len(set(used)) != len(used):
        raise BadSetting(f"the ports {', '.join(_PORTS)} must differ; got {used}")
    if settings.in_place_url:
        for name in ("storage_url", "log_files", "connectors_file", "syslog_listen"):
            if getattr(settings, name):
                raise BadSetting(
                    f"{name} and in_place_url: what is read in place is not written to; leave one out"
                )
    elif settings.in_place_tables:
        raise BadSetting("in_place_tables: give in_place_url too, the database that they are in")
    if settings.syslog_listen:
        address_and_port("syslog_listen", settings.syslog_listen)
    if settings.retention_days < 1:
        raise BadSetting(f"retention_days: {settings.retention_days}; at least 1 day must be kept")
