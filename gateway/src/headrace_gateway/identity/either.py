"""One header, several kinds of credential: the form says which."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import jwt

from headrace_gateway.errors import UnauthenticatedError
from headrace_gateway.identity.api_keys import prefix_of
from headrace_gateway.identity.caller import bearer
from headrace_gateway.identity.verified import TOKEN_LENGTH

if TYPE_CHECKING:
    from collections.abc import Mapping

    from headrace_gateway.identity.caller import Caller, Identity

_NOBODY: Final[Mapping[str, Identity]] = MappingProxyType({})


class EitherIdentity:
    """API keys by their form, tokens of trusted issuers by their name, the rest by the cluster.

    The name is not verified here: it picks the verifier, and the verifier verifies it.
    """

    def __init__(
        self, keys: Identity, tokens: Identity, issuers: Mapping[str, Identity] = _NOBODY
    ) -> None:
        self._keys = keys
        self._tokens = tokens
        self._issuers = issuers

    async def authenticate(self, headers: Mapping[str, str]) -> Caller:
        given = bearer(headers)
        if given is None:
            raise UnauthenticatedError
        return await self._pick(given).authenticate(headers)

    def _pick(self, given: str) -> Identity:
        if prefix_of(given):
            return self._keys
        if not self._issuers:
            return self._tokens
        return self._issuers.get(issuer_of(given) or "", self._tokens)


def issuer_of(token: str) -> str | None:
    """Return what a token says of its issuer, unverified; None if it cannot be read."""
    if len(token) > TOKEN_LENGTH:
        return None
    try:
        said = jwt.decode(token, options={"verify_signature": False}).get("iss")
    except (jwt.PyJWTError, RecursionError):  # the latter of JSON that is brackets all the way
        return None
    return said if isinstance(said, str) else None
