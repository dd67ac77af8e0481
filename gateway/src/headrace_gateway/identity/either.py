"""One header, several kinds of credential: the form says which."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headrace_gateway.errors import UnauthenticatedError
from headrace_gateway.identity.api_keys import prefix_of
from headrace_gateway.identity.caller import bearer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from headrace_gateway.identity.caller import Caller, Identity


class EitherIdentity:
    """API keys by their form, everything else that may be a token to the cluster."""

    def __init__(self, keys: Identity, tokens: Identity) -> None:
        self._keys = keys
        self._tokens = tokens

    async def authenticate(self, headers: Mapping[str, str]) -> Caller:
        given = bearer(headers)
        if given is None:
            raise UnauthenticatedError
        identity = self._keys if prefix_of(given) else self._tokens
        return await identity.authenticate(headers)
