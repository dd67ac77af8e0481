"""
Fakes that ship with the worker: a gateway's work endpoints and its model endpoint, in memory.

`MemoryDoor` sits the same exam as the real gateway; what it cannot show is durability and
concurrency between processes. Nothing of this runs in a pod.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, TypeVar

from headrace_contract.names import LEASE_SECONDS
from headrace_contract.protocol import (
    BeatAnswer,
    ClaimResponse,
    CompleteResponse,
    FailResponse,
    HeartbeatResponse,
    ReleaseAnswer,
    ReleaseResponse,
)
from headrace_worker.errors import DoorUnavailableError
from headrace_worker.memory import MemoryLedger

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable, Mapping

    from pydantic import SecretStr

    from headrace_contract.compiled import CompiledPipeline
    from headrace_contract.protocol import (
        ClaimRequest,
        CompleteRequest,
        FailRequest,
        HeartbeatRequest,
        ProgressRequest,
        ReleaseRequest,
    )
    from headrace_worker.memory import MemoryRun, MemoryTask


T = TypeVar("T")


class MemoryDoor:
    """The work endpoints of one gateway over one ledger, with faults on demand."""

    def __init__(
        self, monotonic: Callable[[], float], *, lease_seconds: float = LEASE_SECONDS
    ) -> None:
        self.ledger = MemoryLedger(monotonic, lease_seconds)
        self.away = False
        """Nobody can be reached."""
        self.lost_answers: deque[str] = deque()
        """Verbs whose next answer is lost after the work was done."""
        self.requests: list[tuple[str, Any]] = []
        self.progressed: list[str] = []
        self._monotonic = monotonic

    def submit(self, pipeline: CompiledPipeline, given: Any) -> MemoryRun:
        """Accept one run."""
        return self.ledger.submit(pipeline, given)

    def cancel(self, run: MemoryRun) -> None:
        self.ledger.cancel(run)

    def lose(self, task: MemoryTask) -> None:
        """Let the lease run out now, as after the death of its worker."""
        task.lease_until = self._monotonic()
        self.ledger.sweep()

    def asked(self, verb: str) -> list[Any]:
        """Return every request of one verb."""
        return [request for name, request in self.requests if name == verb]

    async def claim(self, request: ClaimRequest) -> ClaimResponse:
        self._note("claim", request)
        deadline = self._monotonic() + request.wait_seconds
        while not (leases := self.ledger.leases(request)) and self._monotonic() < deadline:
            self.ledger.changed.clear()
            try:
                async with asyncio.timeout(deadline - self._monotonic()):
                    await self.ledger.changed.wait()
            except TimeoutError:
                break
        return self._told("claim", ClaimResponse(leases=leases))

    async def complete(self, request: CompleteRequest) -> CompleteResponse:
        self._note("complete", request)
        items = [self.ledger.complete(item, request) for item in request.items]
        return self._told("complete", CompleteResponse(items=items))

    async def fail(self, request: FailRequest) -> FailResponse:
        self._note("fail", request)
        items = [self.ledger.fail(item, request.request_id) for item in request.items]
        return self._told("fail", FailResponse(items=items))

    async def release(self, request: ReleaseRequest) -> ReleaseResponse:
        self._note("release", request)
        items = [
            ReleaseAnswer(
                task=held.task,
                fence=held.fence,
                outcome=self.ledger.release(held.task, held.fence),
            )
            for held in request.items
        ]
        return self._told("release", ReleaseResponse(items=items))

    async def progress(self, request: ProgressRequest) -> None:
        self._note("progress", request)
        self.progressed.append(request.text)

    def heartbeat(self, request: HeartbeatRequest) -> HeartbeatResponse:
        self._note("heartbeat", request)
        answers = [
            BeatAnswer(
                task=held.task,
                fence=held.fence,
                outcome=self.ledger.beat(held.task, held.fence),
            )
            for held in request.leases
        ]
        answer = HeartbeatResponse(leases=answers, lease_seconds=self.ledger.lease_seconds)
        return self._told("heartbeat", answer)

    async def close(self) -> None:
        """Nothing is open."""

    def _note(self, verb: str, request: Any) -> None:
        self.requests.append((verb, request))
        if self.away:
            message = "The gateway cannot be reached."
            raise DoorUnavailableError(message)
        if verb != "heartbeat":  # that one comes in another thread, and only looks
            self.ledger.sweep()

    def _told(self, verb: str, answer: T) -> T:
        if self.lost_answers and self.lost_answers[0] == verb:
            self.lost_answers.popleft()
            message = "The answer was lost."
            raise DoorUnavailableError(message)
        return answer


class ScriptedModel:
    """A model endpoint that says what it was told to, in order; then it repeats the last."""

    def __init__(self, *script: str | Exception) -> None:
        self._script = list(script) or ["An answer."]
        self.bodies: list[Mapping[str, Any]] = []
        self.keys: list[str] = []
        self.go = asyncio.Event()
        """Until it is set, an answer gets no further than its first word."""
        self.go.set()
        self.cut = False
        """Ends every answer before its end."""

    async def chat(
        self, key: SecretStr, body: Mapping[str, Any], *, traceparent: str
    ) -> AsyncGenerator[Mapping[str, Any], None]:
        self.bodies.append(body)
        self.keys.append(key.get_secret_value())
        told = self._script.pop(0) if len(self._script) > 1 else self._script[0]
        if isinstance(told, Exception):
            raise told
        for chunk in _chunks(told, cut=self.cut):
            yield {**chunk, "traceparent": traceparent}
            await self.go.wait()

    async def close(self) -> None:
        """Nothing is open."""


def _chunks(text: str, *, cut: bool) -> Iterable[Mapping[str, Any]]:
    for piece in text.partition(" "):
        yield {"choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]}
    if cut:
        return
    yield {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    usage = {"prompt_tokens": 7, "completion_tokens": len(text.split())}
    yield {"choices": [], "usage": usage}
