"""Everything outside a worker as one value: ports, clock, chance and environment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import random
    from collections.abc import AsyncGenerator, Callable, Mapping

    from pydantic import SecretStr

    from headrace_contract.protocol import (
        ClaimRequest,
        ClaimResponse,
        CompleteRequest,
        CompleteResponse,
        FailRequest,
        FailResponse,
        HeartbeatRequest,
        HeartbeatResponse,
        ProgressRequest,
        ReleaseRequest,
        ReleaseResponse,
    )


class Door(Protocol):
    """
    The worker protocol, a method for each verb.

    Raises DoorUnavailableError (try again with the same request id) or DoorRefusedError.
    """

    async def claim(self, request: ClaimRequest) -> ClaimResponse: ...
    async def complete(self, request: CompleteRequest) -> CompleteResponse: ...
    async def fail(self, request: FailRequest) -> FailResponse: ...
    async def release(self, request: ReleaseRequest) -> ReleaseResponse: ...
    async def progress(self, request: ProgressRequest) -> None: ...

    def heartbeat(self, request: HeartbeatRequest) -> HeartbeatResponse:
        """Block until the answer is there: this one is called from the beat's own thread."""
        ...

    async def close(self) -> None: ...


class Models(Protocol):
    """The model endpoint, as a running step sees it."""

    def chat(
        self, key: SecretStr, body: Mapping[str, Any], *, traceparent: str
    ) -> AsyncGenerator[Mapping[str, Any], None]:
        """Yield the parsed chunks of one streamed completion; raise StepFailedError."""
        ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class World:
    """What `Worker` is handed; nothing in this package reaches around it."""

    door: Door
    models: Models
    monotonic: Callable[[], float]
    rng: random.Random
    new_key: Callable[[], str]
    """Makes a 256-bit key in hex; a key is used for one step and never again."""
    environ: Mapping[str, str]
    """The pool's environment: HTTP headers and Python steps are fed from it."""
    base_url: str
    """Where user code finds the OpenAI-compatible endpoint: the gateway's address with `/v1`."""

    async def close(self) -> None:
        """Close what was opened; after the worker has ended."""
        await self.door.close()
        await self.models.close()
