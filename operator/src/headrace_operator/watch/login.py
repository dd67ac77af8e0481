"""How kopf gets in: the Pod's ServiceAccount or a kubeconfig, through a session that we see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import aiohttp
import kopf

if TYPE_CHECKING:
    from headrace_operator.watch.pulse import Pulse


def register_login(registry: kopf.OperatorRegistry, pulse: Pulse) -> None:
    """Log in again whenever kopf asks, since the Pod's token changes every hour."""

    @kopf.on.login(registry=registry, id="login")
    async def on_login(**given: Any) -> kopf.AiohttpSession | None:
        known = kopf.login_with_service_account(**given) or kopf.login_with_kubeconfig(**given)
        if known is None:
            return None
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=known.as_ssl_context()),
            headers=known.as_http_headers(),
            middlewares=(pulse.middleware,),
        )
        return kopf.AiohttpSession(
            server=known.server,
            default_namespace=known.default_namespace,
            aiohttp_session=session,
        )
