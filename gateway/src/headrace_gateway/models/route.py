"""`POST /v1/chat/completions`: the one way from a step to a model."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from starlette.responses import Response

from headrace_contract.failures import ErrorClass
from headrace_gateway.clock import fraction
from headrace_gateway.edge.body import parse_any, read_body
from headrace_gateway.edge.route import route
from headrace_gateway.edge.stream import Stream, gone
from headrace_gateway.errors import UnauthenticatedError
from headrace_gateway.identity.caller import bearer
from headrace_gateway.models.answering import STREAM_HEADERS, Answering, refusal, said_of
from headrace_gateway.models.ask import key_hash, read_ask
from headrace_gateway.models.calling import Call, Caller
from headrace_gateway.models.degrading import Degrading
from headrace_gateway.models.keeping import Keeping
from headrace_gateway.models.limited import LimitFailure
from headrace_gateway.models.numbering import Numbering
from headrace_gateway.models.openai_compatible import ProviderFailure
from headrace_gateway.models.patience import Patience
from headrace_gateway.models.refusals import ModelError, ParkedError, StaleError
from headrace_gateway.models.replay import as_stream, as_whole
from headrace_gateway.models.reserving import Reserving
from headrace_gateway.models.targets import Targets
from headrace_gateway.models.watch import CutError, Live
from headrace_ledger.reservations import ParkMark

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from starlette.requests import Request
    from starlette.routing import Route

    from headrace_contract.compiled import CompiledPipeline
    from headrace_gateway.models.ask import Ask
    from headrace_gateway.models.calling import Opened
    from headrace_gateway.models.targets import Target
    from headrace_gateway.world import World
    from headrace_ledger.records import CallRecord, KeyedLease

FIRST_FENCE: Final = 1


class ModelRoute:
    """Finds the lease of the key, then a recorded answer, then a provider."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._patience = Patience(world.options.ledger_patience_seconds)
        self._targets = Targets(world.ledger, world.clock)
        self._numbers = Numbering()
        self._degrading = Degrading(world.ledger, world.clock)
        self._reserving = reserving = Reserving(world, self._patience)
        keeping = Keeping(world, self._patience, reserving)
        self._caller = Caller(world, reserving, keeping)
        self._answering = Answering(world, keeping)

    def routes(self) -> list[Route]:
        return [route("POST", "/v1/chat/completions", self.post)]

    async def post(self, request: Request) -> Response:
        hashed = key_hash(bearer(request.headers))
        if hashed is None:
            raise UnauthenticatedError
        body = await read_body(request, self._world.options.model_body_bytes)
        ask = read_ask(parse_any(body), len(body))
        lease = await self._lease(hashed)
        number = self._numbers.take(lease.task, lease.fence, ask.request_hash)
        live = Live()
        call = Call(ask, lease, live, number)
        answered = False
        try:
            recorded = await self._recorded(call)
            if recorded is not None:
                answered = True
                return replayed(recorded, ask)
            answer = await self._call(request, call)
            answered = True
            return answer
        finally:
            if not answered:
                self._give_back(call)

    async def _lease(self, hashed: bytes) -> KeyedLease:
        lease = await self._patience.until_there(lambda: self._world.ledger.lease_of_key(hashed))
        if lease is None:
            raise StaleError
        if lease.parked_until is not None:
            left = (lease.parked_until - self._world.clock.now()).total_seconds()
            raise ParkedError(lease.park_reason or "RateLimited", lease.parked_until, left)
        return lease

    async def _recorded(self, call: Call) -> CallRecord | None:
        lease = call.lease
        if lease.fence <= FIRST_FENCE:  # nobody has had this step before, so there is no record
            return None
        return await self._patience.until_there(
            lambda: self._world.ledger.recall(
                lease.tenant, lease.run, lease.step, call.ask.request_hash, call.idx
            )
        )

    async def _call(self, request: Request, call: Call) -> Response:
        watch = asyncio.ensure_future(gone(request.receive))
        watch.add_done_callback(lambda done: None if done.cancelled() else call.live.cut())
        try:
            async with AsyncExitStack() as stack:
                stack.enter_context(self._world.calls.watched(call.live, call.lease))
                opened = await self._open(call)
                stack.push_async_callback(opened.stack.aclose)
                if call.ask.stream:
                    pieces = self._pieces(call, opened, stack.pop_all())
                    await anext(pieces)  # from here on, closing it closes the connection
                    said = said_of(opened.target.model, replayed=False)
                    return Stream(pieces, {**STREAM_HEADERS, **said})
                body, headers = await self._answering.whole(call, opened)
                return Response(body, 200, headers, media_type="application/json")
        except (CutError, ProviderFailure) as exc:
            if call.live.drained is not None:
                await self._park(call.lease, call.live.drained)
            raise refusal(exc) from exc
        finally:
            watch.cancel()

    async def _open(self, call: Call) -> Opened:
        lease = call.lease
        pipeline = await self._patience.until_there(
            lambda: self._world.versions.parsed(lease.tenant, lease.digest)
        )
        if pipeline is None:
            raise StaleError
        targets = await self._find(pipeline, lease.tenant, call.ask.model)
        try:
            step = next((one.llm for one in pipeline.steps if one.name == lease.step), None)
            bounded = replace(call, step_output=step.max_tokens if step else None)
            return await self._caller.open(bounded, targets)
        except ProviderFailure as failure:
            if failure.error_class is ErrorClass.RATE_LIMITED:
                await self._park(lease, failure)
            raise

    async def _find(self, pipeline: CompiledPipeline, tenant: str, asked: str) -> list[Target]:
        """Find who may be asked: of a cheaper class, where a budget says so and it can serve."""
        rules = await self._reserving.rules(tenant)
        model = await self._patience.until_there(
            lambda: self._degrading.model(tenant, pipeline, asked, rules)
        )
        if model != asked:
            with suppress(ModelError):
                return await self._patience.until_there(
                    lambda: self._targets.find(pipeline, tenant, model)
                )
        return await self._patience.until_there(lambda: self._targets.find(pipeline, tenant, asked))

    async def _park(self, lease: KeyedLease, failure: ProviderFailure) -> None:
        """Mark the lease, so that whatever the step does now, it is parked and not failed."""
        usual = self._world.options.park_seconds
        seconds = failure.retry_after or usual
        # Those who were refused together must not come back together.
        seconds += fraction(self._world.chance) * min(seconds, usual) / 4
        mark = ParkMark(lease.tenant, lease.task, lease.fence, seconds, failure.error_class.value)
        if isinstance(failure, LimitFailure):
            mark = replace(
                mark,
                reason=failure.reason,
                limit_id=failure.limit_id,
                amount=failure.amount,
            )
        marked = await self._patience.until_there(lambda: self._world.ledger.park(mark))
        if not marked:
            raise StaleError from failure
        until = self._world.clock.now() + timedelta(seconds=seconds)
        raise ParkedError(mark.reason, until, seconds) from failure

    async def _pieces(
        self, call: Call, opened: Opened, stack: AsyncExitStack
    ) -> AsyncGenerator[bytes]:
        ended = False
        async with stack:
            try:
                yield b""
                async for piece in self._answering.stream(call, opened):
                    ended = piece.endswith(b"[DONE]\n\n")
                    if call.live.drained is not None and not ended:
                        with suppress(ModelError):  # it is said in the frame that follows
                            await self._park(call.lease, call.live.drained)
                    yield piece
            finally:
                if not ended:
                    self._give_back(call)

    def _give_back(self, call: Call) -> None:
        lease = call.lease
        self._numbers.give_back(lease.task, lease.fence, call.ask.request_hash, call.idx)


def replayed(record: CallRecord, ask: Ask) -> Response:
    """Answer from the record, unpaid, in the form that is asked for now."""
    headers = {**said_of(record.model, replayed=True)}
    if record.currency is not None:
        headers |= {"x-headrace-cost": "0", "x-headrace-currency": record.currency}
    if ask.stream:
        frames = as_stream(
            record.response, streamed=record.streamed, include_usage=ask.include_usage
        )
        return Response(frames, 200, {**STREAM_HEADERS, **headers})
    body = as_whole(record.response, streamed=record.streamed)
    return Response(body, 200, headers, media_type="application/json")
