"""The gateway of a laptop, in this process, and a way to write what the operator would."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import SecretStr

from headrace_cli.serving import serving
from headrace_gateway.app import Gateway, build_app
from headrace_gateway.clock import Clock
from headrace_gateway.identity.dev import DevIdentity
from headrace_gateway.models.aiohttp_upstream import AiohttpUpstream
from headrace_gateway.models.ports import SecretMissingError
from headrace_ledger.client import Ledger
from headrace_ledger.embedded import EmbeddedLedger


@dataclass(frozen=True, slots=True)
class Stack:
    """What runs, and how to reach it."""

    gateway_url: str
    key: SecretStr
    ledger: Ledger
    """As the operator, which is who writes tenants, providers and pipelines."""


@dataclass(frozen=True, slots=True)
class OneSecret:
    """The only Secret of a laptop: the key of the one provider."""

    value: SecretStr | None

    async def read(self, name: str, key: str, *, fresh: bool = False) -> SecretStr:  # noqa: ARG002 -- the port
        if self.value is None:
            message = f"{name}/{key}"
            raise SecretMissingError(message)
        return self.value


@asynccontextmanager
async def stack(
    tenant: str, server: EmbeddedLedger, provider_key: SecretStr | None
) -> AsyncIterator[Stack]:
    """Start a gateway on a ledger that runs; end it in the reverse order."""
    async with AsyncExitStack() as opened:
        for_gateway = await Ledger.connect(server.gateway_url, role="gateway")
        opened.push_async_callback(for_gateway.close)
        for_operator = await Ledger.connect(server.operator_url, role="operator", max_size=2)
        opened.push_async_callback(for_operator.close)
        upstream = AiohttpUpstream()
        opened.push_async_callback(upstream.close)
        key = SecretStr(secrets.token_urlsafe(32))
        app = build_app(
            Gateway(
                ledger=for_gateway,
                identity=DevIdentity(key, tenant),
                secrets=OneSecret(provider_key),
                upstream=upstream,
                clock=Clock(lambda: datetime.now(UTC)),
            )
        )
        url = await opened.enter_async_context(serving(app, stop=app.stop))
        yield Stack(url, key, for_operator)
