"""Who may send or ask: API keys by scope, and what a key's records are worth."""

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from tracepulse.errors import Unauthorized

__all__ = ["BROWSER_CALLER", "ApiKey", "Caller", "Gate", "Scope", "key_hash"]


class Scope(StrEnum):
    """What a key allows."""

    INGEST = "ingest"
    BROWSER = "browser"
    READ = "read"
    ADMIN = "admin"


_ALLOWS = {
    Scope.INGEST: frozenset({Scope.INGEST}),
    Scope.BROWSER: frozenset({Scope.BROWSER}),
    Scope.READ: frozenset({Scope.READ}),
    Scope.ADMIN: frozenset({Scope.INGEST, Scope.READ, Scope.ADMIN}),
}


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it is kept: never the key itself."""

    key_id: str
    name: str
    scope: Scope
    hashed: str


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a request is from."""

    scopes: frozenset[Scope]
    trust: str
    """server_key, loopback or browser_unauthenticated."""
    key_id: str = ""
    address: str = ""
    """Where the request came from."""

    @property
    def sender(self) -> str:
        """Whose room it takes: agents may share a key, and a proxy hides many behind an address."""
        return f"{self.key_id}@{self.address}" if self.key_id else self.address


BROWSER_CALLER = Caller(_ALLOWS[Scope.BROWSER], "browser_unauthenticated")
"""A page, where there are no keys."""
_LOOPBACK = Caller(frozenset(Scope), "loopback")


def key_hash(key: str) -> str:
    """Return what is kept of a key; keys are random and long, so one round is enough."""
    return hashlib.sha256(key.encode()).hexdigest()


class Gate:
    """Decides by key; without any keys, only callers on this machine may do anything."""

    def __init__(self, keys: Iterable[ApiKey] = ()) -> None:
        self._keys = tuple(keys)

    @property
    def has_keys(self) -> bool:
        """Whether keys are needed."""
        return bool(self._keys)

    def replace(self, keys: Iterable[ApiKey]) -> None:
        """Use these keys from now on."""
        self._keys = tuple(keys)

    def identify(
        self, authorization: str, api_key: str, from_loopback: bool, address: str = ""
    ) -> Caller:
        """
        Return who is calling.

        Args:
            authorization: the Authorization header; `Bearer KEY`.
            api_key: the `x-api-key` header, the other place for a key.
            address: where the request came from.
        Raises:
            Unauthorized: there are keys, and this is none of them.
        """
        kind, _, bearer = authorization.partition(" ")
        given = api_key or (bearer.strip() if kind.lower() == "bearer" else "")
        if not self._keys:
            if from_loopback:
                return _LOOPBACK
            raise Unauthorized("this server has no API keys yet and answers this machine only")
        if not given:
            raise Unauthorized(
                "an API key is needed: header `x-api-key: …` or `Authorization: Bearer …`"
            )
        hashed = key_hash(given)
        for key in self._keys:
            if hmac.compare_digest(key.hashed, hashed):
                trust = "browser_unauthenticated" if key.scope is Scope.BROWSER else "server_key"
                return Caller(_ALLOWS[key.scope], trust, key.key_id, address)
        raise Unauthorized("this API key is not known here (was it revoked?)")

    def require(self, caller: Caller, *scopes: Scope) -> None:
        """Raise Unauthorized unless the caller has one of the scopes."""
        if not caller.scopes.intersection(scopes):
            wanted = " or ".join(scopes)
            raise Unauthorized(f"this API key lacks the scope {wanted}")
