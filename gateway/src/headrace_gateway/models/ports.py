"""The two things that a model call needs from outside: a way to the provider, and a secret."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from contextlib import AbstractAsyncContextManager

    from pydantic import SecretStr


@dataclass(frozen=True, slots=True)
class Post:
    """One request to a provider. `connect_seconds` is the only deadline kept below the port."""

    url: str
    headers: Mapping[str, str]
    body: bytes
    connect_seconds: float


@dataclass(frozen=True, slots=True)
class Answer:
    """A provider's answer, its body still on the way; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    chunks: AsyncIterator[bytes]


class Upstream(Protocol):
    """Posts; leaving the context closes the connection of an answer that was not read to its end.

    Raises UpstreamUnreachableError or UpstreamTimeoutError, and no error of its own client.
    """

    def post(self, request: Post) -> AbstractAsyncContextManager[Answer]: ...

    async def close(self) -> None: ...


class UpstreamUnreachableError(Exception):
    """No connection, or one that broke."""


class UpstreamTimeoutError(Exception):
    """No connection within its time."""


class SecretReader(Protocol):
    """Reads a key of a Secret by name; `fresh` after the provider refused what was known."""

    async def read(self, name: str, key: str, *, fresh: bool = False) -> SecretStr: ...


class SecretMissingError(Exception):
    """There is no such Secret, no such key in it, or it cannot be read now."""
