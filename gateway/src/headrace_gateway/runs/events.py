"""What happens to a run, as server-sent events: the ledger's are replayable, tokens are lossy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydantic_core import to_json

from headrace_gateway.edge.stream import Stream
from headrace_gateway.errors import BadRequestError, UnavailableError
from headrace_gateway.identity.caller import READ
from headrace_gateway.runs.waiting import OVER
from headrace_ledger.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from starlette.requests import Request
    from starlette.responses import Response

    from headrace_gateway.runs.access import Access
    from headrace_gateway.runs.deltas import Ear
    from headrace_gateway.wake import Bell
    from headrace_gateway.world import World
    from headrace_ledger.records import EventRecord, RunRecord

PAGE: Final = 200
TOKENS_EVERY: Final = 0.2
LAST: Final = frozenset({"run.finished", "run.cancelled"})
_HEADERS: Final = {
    "content-type": "text/event-stream",
    "cache-control": "no-store",
    "x-accel-buffering": "no",
}


class EventsRoute:
    """`GET …/runs/{run}/events`."""

    def __init__(self, world: World, access: Access) -> None:
        self._world = world
        self._access = access
        self._open = 0

    async def get(self, request: Request) -> Response:
        if self._open >= self._world.options.listeners_at_once:
            message = "Too many streams are open on this gateway; try again."
            raise UnavailableError(message)
        caller = await self._access.caller(request, READ)
        after = last_event_id(
            request.headers.get("last-event-id") or request.query_params.get("lastEventId")
        )
        run = await self._access.run(request, caller)
        return Stream(self._frames(run, after), _HEADERS)

    async def _frames(self, run: RunRecord, after: int) -> AsyncGenerator[bytes]:
        world = self._world
        self._open += 1
        world.metrics.streams.inc()
        try:
            yield b"retry: %d\n\n" % world.options.event_retry_ms
            with world.wakes.run(run.id) as bell, world.deltas.listen(run.id, bell) as ear:
                tail = Tail(world, run, after, bell, ear)
                async for frame in tail.frames():
                    yield frame
        finally:
            self._open -= 1
            world.metrics.streams.dec()


class Tail:
    """One listener's place in the events of a run."""

    def __init__(self, world: World, run: RunRecord, after: int, bell: Bell, ear: Ear) -> None:
        self._world = world
        self._run = run
        self._after = after
        self._bell = bell
        self._ear = ear
        self._over = run.status in OVER
        self._beat_at = world.clock.monotonic()
        self._told_at = float("-inf")

    async def frames(self) -> AsyncGenerator[bytes]:
        """Yield frames until the run is over, the caller goes, or the gateway stops."""
        look = True
        while True:
            page = await self._page() if look else ()
            told = b"".join((*self._tokens(), *map(event_frame, page), self._beat()))
            if told:
                yield told
            if look and self._ended(page):
                return
            if self._world.wakes.stopping.is_set():
                return  # the client comes back with Last-Event-ID, to another gateway
            look = len(page) == PAGE or await self._wait()

    async def _page(self) -> Sequence[EventRecord]:
        try:
            page = await self._world.ledger.events(
                self._run.tenant, self._run.id, after=self._after, limit=PAGE
            )
            if not page and not self._over:
                found = await self._world.ledger.run(self._run.tenant, self._run.id)
                self._over = found is None or found.status in OVER
                # It may have ended between the two looks, so its last event is read once more.
                if self._over:
                    page = await self._world.ledger.events(
                        self._run.tenant, self._run.id, after=self._after, limit=PAGE
                    )
        except LedgerError:
            return ()  # the stream outlasts a fail-over; the next look catches up
        if page:
            self._after = page[-1].seq
        return page

    def _ended(self, page: Sequence[EventRecord]) -> bool:
        return any(event.type in LAST for event in page) or (self._over and not page)

    def _tokens(self) -> list[bytes]:
        return [
            frame(kind, to_json({"step": step, "text": text}))
            for (kind, step), text in self._ear.take().items()
        ]

    def _beat(self) -> bytes:
        now = self._world.clock.monotonic()
        if now - self._beat_at < self._world.options.event_beat_seconds:
            return b""
        self._beat_at = now
        return b": alive\n\n"

    async def _wait(self) -> bool:
        """Wait for something to tell; tokens that come fast are let gather for a moment."""
        rung = await self._bell.heard(self._world.options.event_poll_seconds)
        if rung:
            return True
        now = self._world.clock.monotonic()
        early = TOKENS_EVERY - (now - self._told_at)
        if early > 0 and await self._bell.rung(early):
            return True
        self._told_at = self._world.clock.monotonic()
        return False


def frame(kind: str, data: bytes, number: int | None = None) -> bytes:
    head = b"event: " + kind.encode() + b"\n"
    if number is not None:
        head += b"id: %d\n" % number
    return head + b"data: " + data + b"\n\n"


def event_frame(event: EventRecord) -> bytes:
    """Write a durable event; its number is what a client resumes from."""
    head = to_json({"seq": event.seq, "at": event.at, "type": event.type, "step": event.step})
    data = event.data.replace("\n", " ").encode() or b"{}"
    return frame(event.type, head[:-1] + b',"data":' + data + b"}", event.seq)


def last_event_id(given: str | None) -> int:
    if not given:
        return 0
    if not (given.isascii() and given.isdigit()) or len(given) > 18:  # noqa: PLR2004 -- what fits 64 bits
        message = "`Last-Event-ID` must be the number of an event of this run."
        raise BadRequestError(message)
    return int(given)
