"""
The standard library's HTTP client, for who may block: the beat's thread, and the first claim.

What escapes is an OSError (nobody there, broken off, too late), or an UnfitError for what cannot
be sent. A table in the tests holds both clients to that.
"""

from __future__ import annotations

import contextlib
import http.client
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from headrace_worker.trust import trust

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class UnfitError(ValueError):
    """An address or a header that cannot be put into a request."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer of the gateway; names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@contextlib.contextmanager
def plain_errors() -> Iterator[None]:
    """Let none of the client's own kind out of this block."""
    try:
        yield
    except (ValueError, http.client.InvalidURL) as exc:
        raise UnfitError(type(exc).__name__) from exc
    except (http.client.HTTPException, OSError) as exc:
        raise ConnectionError(type(exc).__name__) from exc


class Plain:
    """One connection, kept; no part of an answer may take longer than `seconds`."""

    def __init__(self, url: str, seconds: float) -> None:
        self._url = url
        self._seconds = seconds
        self._connection: http.client.HTTPConnection | None = None

    def post(self, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        with plain_errors():
            try:
                return self._ask(path, headers, body)
            except BaseException:
                self.close()  # the next request begins anew
                raise

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _ask(self, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        parts = urlsplit(self._url)
        if self._connection is None:
            host = parts.hostname or ""
            if parts.scheme == "https":
                self._connection = http.client.HTTPSConnection(
                    host, parts.port, timeout=self._seconds, context=trust(self._url)
                )
            else:
                self._connection = http.client.HTTPConnection(
                    host, parts.port, timeout=self._seconds
                )
        self._connection.request("POST", parts.path + path, body, headers)
        response = self._connection.getresponse()
        told = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, told, response.read())
