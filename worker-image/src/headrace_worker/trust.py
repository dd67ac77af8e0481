"""What a server's certificate is checked against."""

from __future__ import annotations

import importlib
import ssl
from functools import lru_cache


def trust(url: str) -> ssl.SSLContext:
    """
    Return the context for an address.

    Loading the authorities costs 50 ms and is done once, and only for https: inside a cluster the
    gateway is plain HTTP, and a context that trusts nobody is right for that.
    """
    return _authorities() if url.startswith("https:") else _nobody()


@lru_cache(maxsize=1)
def _authorities() -> ssl.SSLContext:
    # Late, since it costs a cold start more than all the rest, and a cluster does without.
    context: ssl.SSLContext = importlib.import_module("httpx2").create_ssl_context(trust_env=False)
    return context


@lru_cache(maxsize=1)
def _nobody() -> ssl.SSLContext:
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
