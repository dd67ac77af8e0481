"""The public keys with which the cluster signs tokens: fetched with back-off, never for ever."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

import jwt

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

    async def issuer(self) -> str:
        """Return the one issuer whose tokens are taken: the setting's, else the cluster's own."""
        if self._issuer is None:
            found = await self._source.get("/.well-known/openid-configuration")
            self._issuer = str(found["issuer"])
        return self._issuer

    async def key_for(self, token: str) -> jwt.PyJWK | None:
        """Return the key that a token names; None sends it to the API server for review."""
        try:
            named = str(jwt.get_unverified_header(token).get("kid", ""))
        except jwt.PyJWTError:
            return None
        age = self._monotonic() - self._read_at
        if named not in self._keys or age > REFRESH_SECONDS:
            await self._refresh()
        if self._monotonic() - self._read_at > OLDEST_SECONDS:
            return None  # too old to be trusted: fail over to the review, which fails closed
        return self._keys.get(named)

    async def _refresh(self) -> None:
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
