"""
Connectors as one TOML file describes them.

    [connector.shop-loki]
    kind = "loki"                       # loki, elasticsearch, opensearch, splunk or files
    url = "https://loki.example:3100"
    query = '{namespace="shop"}'
    token = { env = "LOKI_TOKEN" }      # or { file = "/run/secrets/loki" }

Secrets are never written in the file itself.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

from tracepulse.errors import BadSetting
from tracepulse.receive.pull.spending import Budget

__all__ = ["Connector", "Kind", "Secret", "read_connectors"]

Kind = Literal["loki", "elasticsearch", "opensearch", "splunk", "files"]
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_LEAST_BUDGET_BYTES = 128 * 1024
_UNITS_S = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_SIZES = {"KB": 1000, "KIB": 1024, "MB": 1000**2, "MIB": 1024**2, "GB": 1000**3, "GIB": 1024**3}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|h|d)")
_SIZE = re.compile(r"(\d+)\s*(KB|KiB|MB|MiB|GB|GiB)")


@dataclass(frozen=True, slots=True)
class Secret:
    """Where a secret is; it is read when it is used, so that it may be changed."""

    env: str = ""
    file: str = ""

    def __bool__(self) -> bool:
        return bool(self.env or self.file)

    def read(self, what: str) -> str:
        """Return the secret; '' where there is none. Raises BadSetting where it cannot be had."""
        if self.env:
            if not os.environ.get(self.env):
                raise BadSetting(f"{what}: the variable {self.env} is not set")
            return os.environ[self.env].strip()
        if self.file:
            try:
                return Path(self.file).expanduser().read_text().strip()
            except (OSError, UnicodeDecodeError) as error:
                raise BadSetting(f"{what}: {self.file} cannot be read: {error}") from error
        return ""


def _entry(default: Any, help_text: str) -> Any:
    return field(default=default, metadata={"help": help_text})


@dataclass(frozen=True, slots=True)
class Connector:
    """One connector, as configured."""

    name: str
    kind: Kind
    url: str = _entry("", "Address of the source.")
    query: str = _entry(
        "", "What to read: LogQL for Loki, a query string for Elasticsearch, SPL for Splunk."
    )
    index: str = _entry("logs-*,filebeat-*", "Elasticsearch and OpenSearch: which indices.")
    time_field: str = _entry("@timestamp", "Elasticsearch and OpenSearch: the field of time.")
    paths: tuple[str, ...] = _entry((), "Files: patterns, or folders.")
    service: str = _entry("", "Service of records that name none.")
    follow: bool = _entry(True, "false fetches only windows that are asked for.")
    tenant: str = _entry("", "Loki: the tenant, X-Scope-OrgID.")
    token: Secret = _entry(Secret(), "Bearer token, API key (Elasticsearch) or token (Splunk).")
    user: str = _entry("", "User of basic authentication.")
    password: Secret = _entry(Secret(), "Password of basic authentication.")
    ca_file: str = _entry("", "Certificates to trust instead of the system's.")
    verify: bool = _entry(True, "false takes any certificate.")
    every_s: float = _entry(5.0, "Between two looks.")
    overlap_s: float = _entry(120.0, "How late a record may arrive and still be found.")
    back_s: float = _entry(0.0, "How much of the past is read when first followed.")
    max_bytes: int = _entry(Budget().max_bytes, "What one question may read.")
    max_s: float = _entry(Budget().max_s, "How long one question may take.")
    page_records: int = _entry(5000, "Records asked for at once, at most.")

    @property
    def budget(self) -> Budget:
        """What one question may cost."""
        return Budget(self.max_bytes, self.max_s)

    @property
    def overlap_ns(self) -> int:
        """How late a record may arrive and still be found."""
        return int(self.overlap_s * 1e9)

    @property
    def back_ns(self) -> int:
        """How much of the past is read when first followed."""
        return int(self.back_s * 1e9)


_DURATIONS = {"every": "every_s", "overlap": "overlap_s", "back": "back_s", "max_time": "max_s"}
"""As they are written in the file: "5s", "2m"."""
_DEFAULTS: Mapping[str, Any] = {each.name: each.default for each in fields(Connector)}


def read_connectors(file: Path) -> tuple[Connector, ...]:
    """
    Return the connectors that a file describes, by name.

    Raises:
        BadSetting: it cannot be read, or an entry cannot be used; the text says which and why.
    """
    try:
        content = tomllib.loads(file.read_text())
    except OSError as error:
        raise BadSetting(f"connectors file {file}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadSetting(f"connectors file {file}: {error}") from error
    tables = content.pop("connector", {})
    if content or not isinstance(tables, dict):
        others = ", ".join(content) or "connector"
        raise BadSetting(f"connectors file {file}: {others}: write tables [connector.NAME]")
    return tuple(_connector(file, name, tables[name]) for name in sorted(tables))


def _connector(file: Path, name: str, table: Any) -> Connector:
    where = f"connectors file {file}: connector.{name}"
    if not _NAME.fullmatch(name):
        raise BadSetting(f"{where}: use lower-case letters, digits, '-' and '_' as its name")
    if not isinstance(table, dict):
        raise BadSetting(f"{where}: write a table [connector.{name}]")
    given = dict(table)
    kind = given.pop("kind", None)
    if kind not in get_args(Kind):
        raise BadSetting(f"{where}: kind must be one of {', '.join(get_args(Kind))}; got {kind!r}")
    values: dict[str, Any] = {}
    for key, value in given.items():
        entry = _DURATIONS.get(key, key)
        if entry not in _DEFAULTS or entry in ("name", "kind") or key in _DURATIONS.values():
            known = sorted({*_DEFAULTS} - {"name", "kind", *_DURATIONS.values()} | {*_DURATIONS})
            raise BadSetting(f"{where}: there is no {key!r}; there are {', '.join(known)}")
        values[entry] = _value(f"{where}.{key}", value, _DEFAULTS[entry], key)
    connector = Connector(name, kind, **values)
    _check(where, connector, values)
    return connector


def _value(where: str, value: Any, default: Any, key: str) -> Any:
    if key in _DURATIONS:
        return _seconds(where, value)
    match default:
        case Secret():
            return _secret(where, value)
        case bool():
            if isinstance(value, bool):
                return value
            raise BadSetting(f"{where}: write true or false")
        case int():
            return _size(where, value)
        case tuple():
            if isinstance(value, list) and all(isinstance(each, str) for each in value):
                return tuple(value)
            raise BadSetting(f'{where}: write a list of texts, ["…"]')
        case _:
            if isinstance(value, str):
                return value
            raise BadSetting(f"{where}: write a text")


def _secret(where: str, value: Any) -> Secret:
    if isinstance(value, dict) and len(value) == 1:
        ((source, text),) = value.items()
        if source in ("env", "file") and isinstance(text, str) and text:
            return Secret(**{source: text})
    raise BadSetting(
        f'{where}: a secret is not written here; write {{ env = "NAME" }} or {{ file = "PATH" }}'
    )


def _seconds(where: str, value: Any) -> float:
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise BadSetting(f'{where}: write a length of time such as "30s", "2m" or "1h"')
    return float(match[1]) * _UNITS_S[match[2]]


def _size(where: str, value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise BadSetting(f'{where}: write a number above 0, or a size such as "16MiB"')
    return int(match[1]) * _SIZES[match[2].upper()]


def _check_address(where: str, url: str) -> None:
    try:
        parts = urlsplit(url)
        usable = bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise BadSetting(f"{where}: url {url!r}: write http://HOST:PORT or https://HOST:PORT")


def _check(where: str, connector: Connector, given: Mapping[str, Any]) -> None:
    if connector.kind == "files":
        if not connector.paths:
            raise BadSetting(f'{where}: needs paths, such as ["/var/log/shop/*.log"]')
        return
    if not connector.url.startswith(("http://", "https://")):
        raise BadSetting(f"{where}: url {connector.url!r}: write http://… or https://…")
    _check_address(where, connector.url)
    if "@" in connector.url.partition("://")[2].partition("/")[0]:
        raise BadSetting(f"{where}: url: give user and password as entries of their own")
    if connector.kind in ("loki", "splunk") and "query" not in given:
        raise BadSetting(f"{where}: needs a query")
    if bool(connector.user) != bool(connector.password):
        raise BadSetting(f"{where}: user and password go together")
    if connector.user and connector.token:
        raise BadSetting(f"{where}: give a token, or user and password")
    if connector.max_bytes < _LEAST_BUDGET_BYTES:
        raise BadSetting(f"{where}.max_bytes: at least {_LEAST_BUDGET_BYTES:,}")
    if connector.every_s < 1 or connector.max_s < 1:
        raise BadSetting(f"{where}: every and max_time are at least 1s")
    if not 1 <= connector.overlap_s <= 86_400:
        raise BadSetting(f"{where}.overlap: from 1s to 1d")
