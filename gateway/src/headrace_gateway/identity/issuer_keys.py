"""Where an issuer publishes its keys: its key set, found by its discovery document if need be."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Final

import httpx2 as httpx

from headrace_gateway.identity.issuers import is_safe_address
from headrace_gateway.identity.keys import KeysUnavailableError

if TYPE_CHECKING:
    from headrace_gateway.identity.issuers import TrustedIssuer

TIMEOUT_SECONDS: Final = 5.0
DOCUMENT_BYTES: Final = 1024 * 1024


def issuers_client(transport: httpx.AsyncBaseTransport | None = None) -> httpx.AsyncClient:
    """Make the client for all issuers. It follows no redirect: keys come from whom we named."""
    return httpx.AsyncClient(
        timeout=TIMEOUT_SECONDS, trust_env=False, follow_redirects=False, transport=transport
    )


class IssuerKeys:
    """Reads the key set of one issuer; raises KeysUnavailableError and nothing of its client's."""

    def __init__(self, trusted: TrustedIssuer, client: httpx.AsyncClient) -> None:
        self._trusted = trusted
        self._client = client

    async def fetch(self) -> dict[str, Any]:
        return await self._document(self._trusted.jwks_uri or await self._discovered())

    async def _discovered(self) -> str:
        base = self._trusted.issuer.removesuffix("/")
        found = await self._document(f"{base}/.well-known/openid-configuration")
        address = found.get("jwks_uri")
        # A document of another issuer's would make its keys good for this one's tokens.
        if found.get("issuer") != self._trusted.issuer or not is_safe_address(address):
            message = "the discovery document is another issuer's, or names no safe address"
            raise KeysUnavailableError(message)
        return str(address)

    async def _document(self, address: str) -> dict[str, Any]:
        try:
            # The client's own timeout is for each read: one byte at a time would go on for ever.
            async with asyncio.timeout(TIMEOUT_SECONDS):
                found = json.loads(await self._read(address))
        except (httpx.HTTPError, ValueError, TimeoutError) as exc:
            message = f"{address}: {type(exc).__name__}"
            raise KeysUnavailableError(message) from exc
        if not isinstance(found, dict):
            message = f"{address}: no JSON object"
            raise KeysUnavailableError(message)
        return found

    async def _read(self, address: str) -> bytearray:
        body = bytearray()
        async with self._client.stream("GET", address) as answer:
            if answer.status_code != httpx.codes.OK:
                message = f"{address}: {answer.status_code}"
                raise KeysUnavailableError(message)
            async for piece in answer.aiter_bytes():
                body += piece
                if len(body) > DOCUMENT_BYTES:
                    message = f"{address}: more than {DOCUMENT_BYTES} bytes"
                    raise KeysUnavailableError(message)
        return body
