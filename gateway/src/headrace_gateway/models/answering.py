"""From a provider's answer to the caller's: bytes pass through, and the record comes first."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from pydantic_core import from_json, to_json

from headrace_contract.failures import ErrorClass
from headrace_contract.protocol import BeatOutcome
from headrace_gateway.models import openai_compatible as dialect
from headrace_gateway.models.ask import upstream_body
from headrace_gateway.models.estimate import complete
from headrace_gateway.models.frames import DONE, Frames, text_of
from headrace_gateway.models.keeping import CUT, OK, Ended
from headrace_gateway.models.openai_compatible import ProviderFailure, Usage, usage_of
from headrace_gateway.models.ports import UpstreamTimeoutError, UpstreamUnreachableError
from headrace_gateway.models.prices import cost
from headrace_gateway.models.refusals import ModelError, StaleError, error_member
from headrace_gateway.models.watch import CutError
from headrace_ledger.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from decimal import Decimal
    from uuid import UUID

    from headrace_gateway.models.calling import Call, Opened
    from headrace_gateway.models.keeping import Keeping
    from headrace_gateway.world import World

DRAIN_SECONDS: Final = 0.1
BYTES_PER_TOKEN: Final = 4
STREAM_HEADERS: Final = {
    "content-type": "text/event-stream",
    "cache-control": "no-store",
    "x-accel-buffering": "no",
}


class Answering:
    """Reads answers to their end and records them."""

    def __init__(self, world: World, keeping: Keeping) -> None:
        self._world = world
        self._keeping = keeping
        self._recorded: set[UUID] = set()
        """Calls whose answers came to their end, and are on their way out."""

    async def whole(self, call: Call, opened: Opened) -> tuple[bytes, dict[str, str]]:
        """Read and record an answer that is one document."""
        parts = [opened.first]
        try:
            return await self._whole(call, opened, parts)
        finally:
            await self._abandon(call, opened, Usage(), lambda: len(b"".join(parts)))

    async def _whole(
        self, call: Call, opened: Opened, parts: list[bytes]
    ) -> tuple[bytes, dict[str, str]]:
        size = len(opened.first)
        try:
            while chunk := await call.live.within(opened.deadline, anext(opened.rest, b"")):
                parts.append(chunk)
                size += len(chunk)
                self._bound(size)
        except TimeoutError as exc:
            text = "The provider did not finish in time."
            raise ProviderFailure(ErrorClass.TIMEOUT, text) from exc
        except (UpstreamUnreachableError, UpstreamTimeoutError) as exc:
            raise _broken() from exc
        body = b"".join(parts)
        usage = usage_of(_document(body)) or Usage()
        money = await self._record(call, opened, body, usage)
        return body, {**said_of(opened.target.model, replayed=False), **money_headers(*money)}

    async def stream(self, call: Call, opened: Opened) -> AsyncGenerator[bytes]:
        """Pass frames on as they come; usage and the end follow when the call is recorded."""
        frames = Frames(keep_usage=call.ask.include_usage)
        try:
            chunk = opened.first
            while chunk:
                onward = frames.feed(chunk)
                if onward:
                    self._show(call, onward)
                    yield onward
                self._bound(frames.size)
                if frames.error is not None:
                    raise dialect.failure_in_stream(frames.error)
                if frames.done:
                    break
                chunk = await call.live.within(opened.deadline, anext(opened.rest, b""))
            yield await self._end(call, opened, frames)
            await _drain(opened)
        except (
            CutError,
            ModelError,
            ProviderFailure,
            TimeoutError,
            UpstreamUnreachableError,
            UpstreamTimeoutError,
        ) as exc:
            yield error_frame(exc)
        finally:
            await self._abandon(
                call, opened, frames.usage, lambda: len(text_of(frames.recorded()).encode())
            )

    async def _end(self, call: Call, opened: Opened, frames: Frames) -> bytes:
        if not frames.whole:
            raise _broken()
        money = await self._record(call, opened, frames.recorded(), frames.usage)
        last = frames.last({"headrace": money_of(*money)})
        return DONE if last is None else b"data: " + to_json(last) + b"\n\n" + DONE

    async def _abandon(
        self, call: Call, opened: Opened, usage: Usage, received_bytes: Callable[[], int]
    ) -> None:
        """Keep what was received of an answer, unless it came to its end: it is paid too."""
        if opened.held.wish.id in self._recorded:
            self._recorded.discard(opened.held.wish.id)
            return
        output = max(usage.output_tokens, -(-received_bytes() // BYTES_PER_TOKEN))
        given = usage.input_tokens or opened.held.wish.input_tokens
        guessed = not usage.input_tokens or output != usage.output_tokens
        received = replace(usage, input_tokens=given, output_tokens=output, estimated=guessed)
        with suppress(LedgerError):  # what nobody settles is settled by the sweep, at the estimate
            ended = Ended(CUT, received, opened.began)
            await self._keeping.keep(call, opened.target, opened.held, ended)

    async def _record(
        self, call: Call, opened: Opened, response: bytes, usage: Usage
    ) -> tuple[Decimal | None, str | None]:
        """Keep the call before its answer ends; refuse the answer if the lease is over."""
        self._recorded.add(opened.held.wish.id)
        target, most_output = opened.target, opened.held.most_output
        usage = complete(
            usage,
            lambda: upstream_body(call.ask, target.model, most_output),
            response,
            streamed=call.ask.stream,
        )
        self._count(target.provider, usage)
        ended = Ended(OK, usage, opened.began, response)
        if not await self._keeping.keep(call, target, opened.held, ended):
            raise StaleError
        return cost(usage, target.price)

    def _count(self, provider: str, usage: Usage) -> None:
        metrics = self._world.metrics
        metrics.calls.labels(provider, "Answered").inc()
        metrics.tokens.labels(provider, "input").inc(usage.input_tokens)
        metrics.tokens.labels(provider, "output").inc(usage.output_tokens)

    def _show(self, call: Call, frames: bytes) -> None:
        if self._world.deltas.wanted(call.lease.run):
            self._world.deltas.add(call.lease.run, call.lease.step, text_of(frames))

    def _bound(self, size: int) -> None:
        if size > self._world.options.answer_bytes:
            text = f"The answer is larger than {self._world.options.answer_bytes} bytes."
            raise ProviderFailure(ErrorClass.PROVIDER_ERROR, text)


async def _drain(opened: Opened) -> None:
    """Read what follows the last frame, so that the connection can serve the next call."""
    with suppress(TimeoutError, UpstreamUnreachableError, UpstreamTimeoutError):
        async with asyncio.timeout(DRAIN_SECONDS):
            while await anext(opened.rest, b""):
                pass


def _broken() -> ProviderFailure:
    return ProviderFailure(ErrorClass.PROVIDER_ERROR, "The provider's answer broke off.")


def _document(body: bytes) -> Any:
    try:
        return from_json(body)
    except ValueError as exc:
        text = "The provider's answer is no JSON."
        raise ProviderFailure(ErrorClass.PROVIDER_ERROR, text) from exc


def said_of(model: str, *, replayed: bool) -> dict[str, str]:
    return {"x-headrace-model": model, "x-headrace-replayed": "true" if replayed else "false"}


def money_headers(amount: Decimal | None, currency: str | None) -> dict[str, str]:
    if amount is None or currency is None:
        return {}
    return {"x-headrace-cost": f"{amount:f}", "x-headrace-currency": currency}


def money_of(amount: Decimal | None, currency: str | None) -> dict[str, str | None]:
    return {"cost": None if amount is None else f"{amount:f}", "currency": currency}


def refusal(error: Exception) -> ModelError:
    """Say to the caller what ended a call."""
    if isinstance(error, ModelError):
        return error
    if isinstance(error, CutError):
        if error.outcome is BeatOutcome.INTERRUPT:
            text = "The provider is held by its `stopPolicy`: the step is parked."
            return ModelError(ErrorClass.RATE_LIMITED, text)
        cancelled = error.outcome is BeatOutcome.CANCELLED
        return StaleError(ErrorClass.CANCELLED if cancelled else ErrorClass.WORKER_LOST)
    if isinstance(error, ProviderFailure):
        return ModelError(error.error_class, error.text)
    if isinstance(error, TimeoutError):
        return ModelError(ErrorClass.TIMEOUT, "The provider did not finish in time.")
    return ModelError(ErrorClass.PROVIDER_ERROR, "The provider's answer broke off.")


def error_frame(error: Exception) -> bytes:
    """Say in mid-stream that there is no more; the end marker is missing on purpose."""
    said = refusal(error)
    body = {"error": error_member(said.error_class, said.title)}
    return b"data: " + to_json(body) + b"\n\n"
