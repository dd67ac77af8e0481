"""Asking for work: as many steps as there are free slots, and not more often than makes sense."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from headrace_contract.protocol import ClaimRequest
from headrace_worker.errors import DoorError
from headrace_worker.profile import STEP_TYPES

if TYPE_CHECKING:
    from headrace_contract.protocol import ClaimResponse, Lease, Slot
    from headrace_worker.means import Means

log = logging.getLogger(__name__)

HASTY_SECONDS: Final = 1.0  # a long poll that comes back empty sooner was cut short
REFUSED_SECONDS: Final = 5.0


class Claims:
    """Every claim of one worker, one after the other."""

    def __init__(self, means: Means) -> None:
        self._profile = means.profile
        self._world = means.world
        self._keys = means.keys
        self._pipelines = means.pipelines
        self._insist = means.insist
        self.answered = asyncio.Event()
        self._wait = 0.0  # the first answer makes the worker ready: it must not be long in coming

    async def next(self, free: int) -> list[Lease]:
        """Wait for work for at most so many slots; nothing is a possible answer."""
        slots = [self._keys.offer() for _ in range(free)]
        request = self._request(slots)
        asked = self._world.monotonic()
        try:
            answer = await self._insist(lambda: self._world.door.claim(request))
        except DoorError as exc:
            # No retry mends it, but a person may: the ServiceAccount, the pipeline, a version.
            log.error("The claim was refused.", extra={"error": str(exc)})  # noqa: TRY400 -- a stack says nothing here
            await asyncio.sleep(self._world.rng.uniform(0.5, 1.0) * REFUSED_SECONDS)
            return []
        self.answered.set()
        self._wait = self._profile.poll_seconds
        self._withdraw(slots, answer)
        hasty = self._world.monotonic() - asked < min(HASTY_SECONDS, request.wait_seconds)
        if not answer.leases and hasty:
            await asyncio.sleep(self._world.rng.uniform(0, HASTY_SECONDS))
        return answer.leases

    def _request(self, slots: list[Slot]) -> ClaimRequest:
        return ClaimRequest(
            request_id=self._keys.request_id(),
            worker=self._profile.worker,
            namespace=self._profile.namespace,
            pipeline=self._profile.pipeline,
            pool=self._profile.pool,
            step_types=list(STEP_TYPES),
            slots=slots,
            wait_seconds=self._wait,
            known_digests=self._pipelines.digests(),
        )

    def _withdraw(self, slots: list[Slot], answer: ClaimResponse) -> None:
        taken = {lease.key_hash for lease in answer.leases}
        self._keys.withdraw([slot for slot in slots if slot.key_hash not in taken])
