"""The public keys with which tokens are signed: fetched with back-off, and never for ever."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, Protocol

import jwt

from headrace_gateway.errors import UnauthenticatedError
from headrace_gateway.identity.cluster import ClusterUnavailableError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

OLDEST_SECONDS: Final = 3600.0
REFRESH_SECONDS: Final = 600.0
BACK_OFF_SECONDS: Final = 10.0
LONGEST_BACK_OFF_SECONDS: Final = 60.0


class KeysUnavailableError(Exception):
    """The keys cannot be read now, or those that are known are too old to be trusted."""


class KeyRing:
    """One publisher's keys by their id, as JWKs.

    An unknown id looks again, at most every ten seconds, and less often while reading fails.
    """

    def __init__(
        self, fetch: Callable[[], Awaitable[dict[str, Any]]], monotonic: Callable[[], float]
    ) -> None:
        self._fetch = fetch
        self._monotonic = monotonic
        self._keys: dict[str, dict[str, Any]] = {}
        self._read_at = float("-inf")
        self._tried_at = float("-inf")
        self._failures = 0
        self._reading = asyncio.Lock()

    async def find(self, named: str) -> dict[str, Any] | None:
        """Return a key; None if keys that were just read lack it. Raise KeysUnavailableError."""
        age = self._monotonic() - self._read_at
        if named not in self._keys or age > REFRESH_SECONDS:
            await self._refresh()
        if self._monotonic() - self._read_at > OLDEST_SECONDS:
            message = "no keys that are young enough"
            raise KeysUnavailableError(message)
        if named not in self._keys and self._read_at != self._tried_at:
            message = "a key that is not known, while keys cannot be read"
            raise KeysUnavailableError(message)
        return self._keys.get(named)

    async def _refresh(self) -> None:
        async with self._reading:  # who comes while they are read waits for them
            now = self._monotonic()
            doubled = BACK_OFF_SECONDS * 2.0 ** max(0, self._failures - 1)
            if now - self._tried_at < min(doubled, LONGEST_BACK_OFF_SECONDS):
                return
            self._tried_at = now
            try:
                found = await self._fetch()
            except KeysUnavailableError:
                self._failures = min(self._failures + 1, 10)
                return  # what is known serves on for a while
            self._failures = 0
            self._keys = by_id(found)
            self._read_at = now


def by_id(published: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Read a key set; what has no id, or is no key at all, is nobody's."""
    keys = published.get("keys")
    return {
        str(key["kid"]): key
        for key in (keys if isinstance(keys, list) else ())
        if isinstance(key, dict) and key.get("kid")
    }


def header_of(token: str) -> dict[str, Any]:
    """Read what a token says of its own signature; refuse what is no token."""
    try:
        return jwt.get_unverified_header(token)
    except (jwt.PyJWTError, RecursionError) as exc:  # the latter of JSON that is all brackets
        raise UnauthenticatedError from exc


class KeySource(Protocol):
    """Where keys and the name of the issuer are published."""

    async def get(self, path: str) -> dict[str, Any]: ...


class ClusterKeys:
    """The keys of the cluster's own tokens, and the name of who signs them."""

    def __init__(
        self, source: KeySource, monotonic: Callable[[], float], issuer: str | None = None
    ) -> None:
        self._source = source
        self._issuer = issuer
        self._ring = KeyRing(self._fetch, monotonic)

    async def issuer(self) -> str:
        """Return the one issuer whose tokens are taken: the setting's, else the cluster's own."""
        if self._issuer is None:
            found = await self._source.get("/.well-known/openid-configuration")
            self._issuer = str(found["issuer"])
        return self._issuer

    async def key_for(self, token: str) -> jwt.PyJWK | None:
        """Return the key that a token names; None, while keys cannot be had, asks for a review.

        Keys that were just read and lack the one that is named refuse the token: a review of each
        forged one would let anybody make the gateway a burden to the API server.
        """
        named = str(header_of(token).get("kid", ""))
        try:
            found = await self._ring.find(named)
        except KeysUnavailableError:
            return None  # fail over to the review, which fails closed
        if found is None:
            raise UnauthenticatedError
        try:
            return jwt.PyJWK(found)
        except jwt.PyJWTError as exc:
            raise UnauthenticatedError from exc

    async def _fetch(self) -> dict[str, Any]:
        try:
            return await self._source.get("/openid/v1/jwks")
        except ClusterUnavailableError as exc:
            raise KeysUnavailableError from exc
