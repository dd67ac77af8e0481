"""What a server's certificate is checked against."""

from __future__ import annotations

import ssl
from functools import lru_cache

import httpx2 as httpx


def trust(url: str) -> ssl.SSLContext:
    """
    Return the context for an address.

    Loading the authorities costs 50 ms and is done once, and only for https: inside a cluster the
    gateway is plain HTTP, and a context that trusts nobody is right for that.
    """
    return _authorities() if url.startswith("https:") else _nobody()


@lru_cache(maxsize=1)
def _authorities() -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=False)


@lru_cache(maxsize=1)
def _nobody() -> ssl.SSLContext:
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
