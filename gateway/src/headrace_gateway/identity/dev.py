"""The identity of a laptop: one local key opens everything."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from headrace_gateway.errors import UnauthenticatedError
from headrace_gateway.identity.caller import SCOPES, WORK, Caller, bearer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import SecretStr


class DevIdentity:
    """For `headrace dev` and tests; never composed in a cluster."""

    def __init__(self, key: SecretStr, tenant: str = "dev") -> None:
        self._key = key
        self._caller = Caller("dev", tenant, SCOPES | {WORK}, platform=True)

    async def authenticate(self, headers: Mapping[str, str]) -> Caller:
        given = bearer(headers) or ""
        if not hmac.compare_digest(given.encode(), self._key.get_secret_value().encode()):
            raise UnauthenticatedError
        return self._caller
