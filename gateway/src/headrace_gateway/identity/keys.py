"""The public keys with which the cluster signs tokens: fetched with back-off, never for ever."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, Protocol

import jwt

from headrace_gateway.errors import UnauthenticatedError
from headrace_gateway.identity.cluster import ClusterUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

OLDEST_SECONDS: Final = 3600.0
REFRESH_SECONDS: Final = 600.0
BACK_OFF_SECONDS: Final = 10.0


class KeySource(Protocol):
    """Where keys and the name of the issuer are published."""

    async def get(self, path: str) -> dict[str, Any]: ...


class ClusterKeys:
    """Keys by their id. An unknown id looks again, at most every ten seconds."""

    def __init__(
        self, source: KeySource, monotonic: Callable[[], float], issuer: str | None = None
    ) -> None:
        self._source = source
        self._monotonic = monotonic
        self._issuer = issuer
        self._keys: dict[str, jwt.PyJWK] = {}
        self._read_at = float("-inf")
        self._tried_at = float("-inf")
        self._reading = asyncio.Lock()

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
        try:
            named = str(jwt.get_unverified_header(token).get("kid", ""))
        except jwt.PyJWTError as exc:
            raise UnauthenticatedError from exc
        age = self._monotonic() - self._read_at
        if named not in self._keys or age > REFRESH_SECONDS:
            await self._refresh()
        if self._monotonic() - self._read_at > OLDEST_SECONDS:
            return None  # too old to be trusted: fail over to the review, which fails closed
        if named not in self._keys and self._read_at == self._tried_at:
            raise UnauthenticatedError
        return self._keys.get(named)

    async def _refresh(self) -> None:
        async with self._reading:  # who comes while they are read waits for them
            now = self._monotonic()
            if now - self._tried_at < BACK_OFF_SECONDS:
                return
            self._tried_at = now
            try:
                found = await self._source.get("/openid/v1/jwks")
            except ClusterUnavailableError:
                return  # what is known serves on for a while
            self._keys = {
                str(key["kid"]): jwt.PyJWK(key) for key in found.get("keys", ()) if key.get("kid")
            }
            self._read_at = now
