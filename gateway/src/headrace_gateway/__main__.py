"""Composition root: settings → ledger and clients → gateway → three ports."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import structlog
import uvloop
from pydantic import ValidationError

from headrace_gateway.app import Gateway, build_app
from headrace_gateway.clock import Clock
from headrace_gateway.identity.api_keys import KeyIdentity
from headrace_gateway.identity.cluster import ApiServer, ClusterSecrets
from headrace_gateway.identity.either import EitherIdentity
from headrace_gateway.identity.issuer_keys import IssuerKeys, issuers_client
from headrace_gateway.identity.key_use import KeyUse
from headrace_gateway.identity.keys import ClusterKeys
from headrace_gateway.identity.oidc import OidcIdentity
from headrace_gateway.identity.service_account import ServiceAccountIdentity
from headrace_gateway.models.aiohttp_upstream import AiohttpUpstream
from headrace_gateway.pools import PoolBook
from headrace_gateway.serving import Ports, serve
from headrace_gateway.settings import Settings
from headrace_gateway.webhooks.aiohttp_sender import AiohttpSender
from headrace_gateway.webhooks.destinations import Destinations
from headrace_ledger.client import Ledger
from headrace_ledger.errors import LedgerError

if TYPE_CHECKING:
    from headrace_gateway.app import App

AGAIN_SECONDS: Final = 2.0


def main() -> int:
    """Run until SIGTERM; return 2 for settings that cannot work."""
    try:
        settings = Settings()  # the environment fills it
    except ValidationError as exc:
        names = ", ".join(f"HEADRACE_{found['loc'][0]}".upper() for found in exc.errors())
        sys.stderr.write(f"These variables are missing or wrong: {names}\n")
        return 2
    configure_logs(settings.log_level)
    uvloop.run(run(settings))
    return 0


def configure_logs(level: str) -> None:
    """Write one JSON object a line, for our own loggers and for the libraries'."""
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.EventRenamer("message"),
            structlog.processors.JSONRenderer(),
        ],
    )
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("httpx2").setLevel(logging.WARNING)  # it would log every address


async def run(settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    log = structlog.get_logger("headrace.gateway")
    async with AsyncExitStack() as stack:
        ledger = await connect(settings, stop)
        if ledger is None:
            return
        stack.push_async_callback(ledger.close)
        app = await compose(settings, ledger, stack)
        ports = Ports(
            settings.host,
            settings.port,
            settings.metrics_port,
            settings.scaler_port,
            settings.connections,
        )
        log.info("The gateway is open.", port=settings.port)
        await serve(app, ports, stop, linger=settings.linger_seconds, grace=settings.grace_seconds)
        log.info("The gateway is closed.")


async def connect(settings: Settings, stop: asyncio.Event) -> Ledger | None:
    """Wait for a ledger with the right schema; the pod is not ready before."""
    log = structlog.get_logger("headrace.gateway")
    while not stop.is_set():
        try:
            return await Ledger.connect(
                settings.ledger_url.get_secret_value(),
                role="gateway",
                max_size=settings.ledger_connections,
            )
        except LedgerError as exc:
            log.warning("The ledger is not there yet.", error=type(exc).__name__)
        try:
            async with asyncio.timeout(AGAIN_SECONDS):
                await stop.wait()
        except TimeoutError:
            continue
    return None


async def compose(settings: Settings, ledger: Ledger, stack: AsyncExitStack) -> App:
    clock = Clock(now=lambda: datetime.now(UTC))
    api = ApiServer(
        settings.api_server,
        settings.service_account / "token",
        settings.service_account / "ca.crt",
    )
    upstream = AiohttpUpstream()
    stack.push_async_callback(api.close)
    stack.push_async_callback(upstream.close)
    destinations = Destinations(settings.webhook_cidrs, settings.webhook_ports, settings.node_cidrs)
    sender = AiohttpSender(destinations, settings.webhook_ca)
    stack.callback(sender.close)
    pools = PoolBook(ledger, clock)
    keys = ClusterKeys(api, clock.monotonic, settings.token_issuer)
    tokens = ServiceAccountIdentity(keys, api, ledger, pools, clock)
    key_use = KeyUse(ledger, clock.monotonic)
    outside = issuers_client()
    stack.push_async_callback(outside.aclose)
    issuers = {
        trusted.issuer: OidcIdentity(trusted, IssuerKeys(trusted, outside).fetch, ledger, clock)
        for trusted in settings.oidc_issuers
    }
    return build_app(
        Gateway(
            ledger=ledger,
            identity=EitherIdentity(KeyIdentity(ledger, clock, key_use), tokens, issuers),
            secrets=ClusterSecrets(api, settings.namespace, clock.monotonic),
            upstream=upstream,
            clock=clock,
            chance=os.urandom,
            pools=pools,
            key_use=key_use,
            sender=sender,
        )
    )


if __name__ == "__main__":
    sys.exit(main())
