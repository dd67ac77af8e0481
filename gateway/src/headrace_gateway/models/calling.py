"""One call: target after target, until one answers or the failure is nobody's but the caller's."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from headrace_contract.failures import ErrorClass
from headrace_contract.waits import LimitReason
from headrace_gateway.edge.trace import child
from headrace_gateway.models import openai_compatible as dialect
from headrace_gateway.models.ask import upstream_body
from headrace_gateway.models.breaker import Breaker
from headrace_gateway.models.keeping import SILENT, Ended
from headrace_gateway.models.learning import Learning
from headrace_gateway.models.limited import LimitFailure
from headrace_gateway.models.openai_compatible import ProviderFailure, Usage
from headrace_gateway.models.ports import (
    Post,
    SecretMissingError,
    UpstreamTimeoutError,
    UpstreamUnreachableError,
)
from headrace_gateway.models.watch import NeverMadeError
from headrace_ledger.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from headrace_gateway.models.ask import Ask
    from headrace_gateway.models.keeping import Keeping
    from headrace_gateway.models.ports import (
        Answer,
    )
    from headrace_gateway.models.reserving import Held, Reserving
    from headrace_gateway.models.targets import Target
    from headrace_gateway.models.watch import Live
    from headrace_gateway.world import World
    from headrace_ledger.records import KeyedLease

ERROR_BYTES: Final = 64 * 1024
COOL_SECONDS: Final = 5.0
"""How long a provider is left alone that refused for its limit and did not say for how long."""
NEVER_CALLED: Final = (UpstreamUnreachableError, UpstreamTimeoutError, SecretMissingError)
_UNAUTHORIZED: Final = 401


@dataclass(frozen=True, slots=True)
class Call:
    """What is called, for whom, and the number that it has among equal ones."""

    ask: Ask
    lease: KeyedLease
    live: Live
    idx: int
    step_output: int | None = None
    """The most tokens of an answer that the step's spec allows; None if it says nothing."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A provider that answers: its first bytes are here. `stack` closes the connection."""

    target: Target
    first: bytes
    rest: AsyncIterator[bytes]
    deadline: float
    began: float
    stack: AsyncExitStack
    held: Held


class Caller:
    """Asks providers; the only one who does."""

    def __init__(self, world: World, reserving: Reserving, keeping: Keeping) -> None:
        self._world = world
        self._reserving = reserving
        self._keeping = keeping
        self._breaker = Breaker(world.ledger, world.metrics)
        self._learning = Learning(world.ledger, reserving, world.clock)

    async def open(self, call: Call, targets: list[Target]) -> Opened:
        """Return the first target that answers; a limit outweighs every other failure."""
        limited: ProviderFailure | None = None
        last: ProviderFailure | None = None
        for target in targets:
            try:
                opened = await self._patiently(call, target)
            except ProviderFailure as failure:
                await self._note(target, failure)
                self._world.metrics.calls.labels(target.provider, failure.error_class).inc()
                if failure.error_class is ErrorClass.RATE_LIMITED:
                    limited = limited or failure
                last = failure
                if not failure.providers_fault:
                    break
            else:
                await self._breaker.answered(target.provider)
                return opened
        raise limited or last or ProviderFailure(ErrorClass.PROVIDER_ERROR, "Nobody to ask.")

    async def _note(self, target: Target, failure: ProviderFailure) -> None:
        if isinstance(failure, LimitFailure):  # no call was made
            if failure.reason == LimitReason.CIRCUIT_OPEN:
                self._breaker.doubt(target.provider)
        else:
            await self._breaker.failed(target, failure)
            self._reserving.look_again()

    async def _patiently(self, call: Call, target: Target) -> Opened:
        """Wait a short limit out at the door: it costs less than parking."""
        left = self._world.options.short_wait_seconds
        while True:
            try:
                return await self._with_secret(call, target)
            except LimitFailure:
                raise  # it has waited at the door already
            except ProviderFailure as failure:
                if failure.error_class is not ErrorClass.RATE_LIMITED:
                    raise
                wait = failure.retry_after
                await self._reserving.cool(target.provider, wait or COOL_SECONDS)
                if wait is None:
                    raise
                if wait > left:
                    raise
                # At least a little, so that a wait of zero cannot become a tight loop.
                wait = max(wait, 0.05)
                left -= wait
                loop = asyncio.get_running_loop()
                await call.live.within(loop.time() + wait + 1, asyncio.sleep(wait))

    async def _with_secret(self, call: Call, target: Target) -> Opened:
        """Call; after a 401 read the secret again, since it may have been renewed."""
        try:
            return await self._once(call, target, fresh=False)
        except ProviderFailure as failure:
            if failure.status != _UNAUTHORIZED or target.secret is None:
                raise
        return await self._once(call, target, fresh=True)

    async def _once(self, call: Call, target: Target, *, fresh: bool) -> Opened:
        """Reserve and call once; what came to nothing is settled too."""
        held = await self._reserving.reserve(call, target)
        call.live.wanted = held.wanted
        began = asyncio.get_running_loop().time()
        try:
            return await self._reserved(call, target, held, fresh=fresh)
        except BaseException as exc:
            used, calls = unanswered(exc, held)
            if used.input_tokens:
                with suppress(LedgerError):  # the sweep keeps it, at the estimate
                    await self._keeping.keep(call, target, held, Ended(SILENT, used, began))
            else:
                await self._reserving.settle(held, used, None, calls=calls)
            raise

    async def _reserved(self, call: Call, target: Target, held: Held, *, fresh: bool) -> Opened:
        began = asyncio.get_running_loop().time()
        deadline = began + target.total_seconds
        first_byte = min(began + target.first_byte_seconds, deadline)
        request = Post(
            url=dialect.address(target.endpoint),
            headers=await self._headers(call, target, fresh=fresh),
            body=upstream_body(call.ask, target.model, held.most_output),
            connect_seconds=target.connect_seconds,
        )
        call.live.before_it_is_made()
        async with AsyncExitStack() as stack:
            try:
                answer = await call.live.within(
                    first_byte, stack.enter_async_context(self._world.upstream.post(request))
                )
                await self._learning.heard(target, answer.headers, held.wish.input_tokens)
                if not dialect.is_answer(answer.status):
                    body = await call.live.within(deadline, _some(answer))
                    raise dialect.failure(
                        answer.status, answer.headers, body, self._world.clock.now
                    )
                first = await call.live.within(first_byte, anext(answer.chunks, b""))
            except (TimeoutError, UpstreamTimeoutError) as exc:
                text = "The provider did not answer in time."
                raise ProviderFailure(ErrorClass.TIMEOUT, text) from exc
            except UpstreamUnreachableError as exc:
                text = "The provider cannot be reached."
                raise ProviderFailure(ErrorClass.PROVIDER_ERROR, text) from exc
            self._world.metrics.first_token.observe(asyncio.get_running_loop().time() - began)
            return Opened(target, first, answer.chunks, deadline, began, stack.pop_all(), held)
        raise AssertionError  # the stack swallows nothing

    async def _headers(self, call: Call, target: Target, *, fresh: bool) -> dict[str, str]:
        lease = call.lease
        headers = {
            "content-type": "application/json",
            "accept": "text/event-stream" if call.ask.stream else "application/json",
            "accept-encoding": "identity",  # bytes pass through, so nobody here would unpack them
            "traceparent": child(lease.traceparent, self._world.chance),
            # Never the attempt or the fence: the same call, asked again, is the same call.
            "idempotency-key": f"{lease.run}/{lease.step}/{call.ask.request_hash.hex()[:16]}"
            f"/{call.idx}",
        }
        if target.secret is not None:
            name, key = target.secret
            try:
                secret = await self._world.secrets.read(name, key, fresh=fresh)
            except SecretMissingError as exc:
                text = f"The credentials of provider '{target.provider}' cannot be read."
                raise ProviderFailure(ErrorClass.PROVIDER_ERROR, text) from exc
            headers["authorization"] = f"Bearer {secret.get_secret_value()}"
        return headers


def unanswered(exc: BaseException, held: Held) -> tuple[Usage, int]:
    """Return what a call without an answer has used, and whether it was a call at all.

    A provider that refuses takes nothing; one that was left waiting has read the request.
    """
    if isinstance(exc, NeverMadeError) or isinstance(exc.__cause__, NEVER_CALLED):
        return Usage(), 0
    if isinstance(exc, ProviderFailure) and exc.error_class is not ErrorClass.TIMEOUT:
        return Usage(), 1
    return Usage(held.wish.input_tokens, estimated=True), 1


async def _some(answer: Answer) -> bytes:
    """Read an error body, as far as it is worth reading."""
    parts: list[bytes] = []
    size = 0
    async for chunk in answer.chunks:
        parts.append(chunk)
        size += len(chunk)
        if size > ERROR_BYTES:
            break
    return b"".join(parts)
