"""
Completes that are due at the same time share a request, and so a commit.

A few requests may be under way at once, so a lone complete never waits for another; when all are
taken, what comes due meanwhile goes out together with the next.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from headrace_contract.protocol import CompleteRequest
from headrace_worker.errors import DoorError, DoorRefusedError
from headrace_worker.profile import STEP_TYPES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headrace_contract.protocol import CompleteAnswer, CompleteItem
    from headrace_worker.means import Means

AT_ONCE: Final = 4
MOST_ITEMS: Final = 50
MOST_BYTES: Final = 256 * 1024  # of outputs: the gateway reads bodies of a megabyte


@dataclass(frozen=True, slots=True)
class Due:
    """One item, how large it is, and who waits for its answer."""

    item: CompleteItem
    size: int
    answer: asyncio.Future[CompleteAnswer]


class Completions:
    """All completes of one worker."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._due: list[Due] = []
        self._flights: set[asyncio.Task[None]] = set()

    async def put(self, item: CompleteItem, size: int) -> CompleteAnswer:
        """Send an item, alone or with others; raise DoorError if the gateway refuses it."""
        loop = asyncio.get_running_loop()
        due = Due(item, size, loop.create_future())
        self._due.append(due)
        loop.call_soon(self._depart)  # after all that come due in this turn of the loop
        return await due.answer

    def close(self) -> None:
        """Give up what is under way; whoever waits is told by a cancellation."""
        for flight in self._flights:
            flight.cancel()

    def _depart(self) -> None:
        if not self._due or len(self._flights) >= AT_ONCE:
            return
        taken = _fitting(self._due)
        del self._due[: len(taken)]
        flight = asyncio.create_task(self._fly(taken))
        self._flights.add(flight)
        flight.add_done_callback(self._landed)

    def _landed(self, flight: asyncio.Task[None]) -> None:
        self._flights.discard(flight)
        self._depart()

    async def _fly(self, batch: Sequence[Due]) -> None:
        try:
            answers = await self._send([due.item for due in batch])
        except DoorRefusedError as exc:
            await self._refused(batch, exc)
        except DoorError as exc:
            _fail(batch, exc)
        except asyncio.CancelledError:
            for due in batch:
                due.answer.cancel()
            raise
        else:
            _answer(batch, answers)

    async def _refused(self, batch: Sequence[Due], error: DoorRefusedError) -> None:
        """Send each alone: one that cannot be read must not take the others down."""
        if len(batch) == 1:
            _fail(batch, error)
            return
        for due in batch:
            await self._fly([due])

    async def _send(self, items: list[CompleteItem]) -> list[CompleteAnswer]:
        wanted = any(item.next for item in items)
        request = CompleteRequest(
            request_id=self._means.keys.request_id(),
            worker=self._means.profile.worker,
            step_types=list(STEP_TYPES),
            known_digests=self._means.pipelines.digests() if wanted else [],
            items=items,
        )
        answer = await self._means.insist(lambda: self._means.world.door.complete(request))
        if len(answer.items) != len(items):
            message = "The gateway did not answer for every step."
            raise DoorError(message)
        return answer.items


def _fitting(due: Sequence[Due]) -> Sequence[Due]:
    """Return the first items that fit into one request; one always does."""
    size = 0
    for count, each in enumerate(due[:MOST_ITEMS]):
        size += each.size
        if count and size > MOST_BYTES:
            return due[:count]
    return due[:MOST_ITEMS]


def _answer(batch: Sequence[Due], answers: Sequence[CompleteAnswer]) -> None:
    for due, answer in zip(batch, answers, strict=True):
        if not due.answer.done():  # else its step went away meanwhile
            due.answer.set_result(answer)


def _fail(batch: Sequence[Due], error: DoorError) -> None:
    for due in batch:
        if not due.answer.done():
            due.answer.set_exception(error)
