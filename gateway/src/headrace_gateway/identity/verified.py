"""Tokens that have been verified: remembered for a minute at most, and never past their expiry."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from headrace_gateway.errors import UnauthenticatedError
from headrace_gateway.identity.caller import bearer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from headrace_gateway.clock import Clock

C = TypeVar("C")

LEEWAY_SECONDS: Final = 60.0
"""How far the clocks of signer and verifier may differ."""
VERIFIED_SECONDS: Final = 60.0
TOKENS_KEPT: Final = 20_000
TOKEN_LENGTH: Final = 8192


class Verified(Generic[C]):
    """Claims by the hash of the whole token; who is not remembered is verified."""

    def __init__(
        self, verify: Callable[[str], Awaitable[C]], expires: Callable[[C], float], clock: Clock
    ) -> None:
        self._verify = verify
        self._expires = expires
        self._clock = clock
        self._known: OrderedDict[bytes, tuple[float, C]] = OrderedDict()

    async def claims(self, headers: Mapping[str, str]) -> C:
        """Return what a request's token says; raise UnauthenticatedError for none that can be."""
        token = bearer(headers) or ""
        if not 0 < len(token) <= TOKEN_LENGTH:
            raise UnauthenticatedError
        digest = hashlib.sha256(token.encode()).digest()
        known = self._known.get(digest)
        now = self._clock.now().timestamp()
        if known and now - known[0] < VERIFIED_SECONDS and now < self._expires(known[1]):
            return known[1]
        claims = await self._verify(token)
        self._known[digest] = (now, claims)
        while len(self._known) > TOKENS_KEPT:
            self._known.popitem(last=False)
        return claims
