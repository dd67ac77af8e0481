"""Handing in: what a verdict becomes at the gateway."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from headrace_contract.failures import ErrorClass
from headrace_contract.protocol import (
    CompleteAnswer,
    CompleteItem,
    CompleteOutcome,
    FailItem,
    FailRequest,
    Held,
    ReleaseRequest,
)
from headrace_worker.completions import Completions
from headrace_worker.errors import DoorRefusedError
from headrace_worker.facts import facts
from headrace_worker.steps.judge import Done, Failed, Skipped

if TYPE_CHECKING:
    from headrace_contract.protocol import (
        Lease,
        Slot,
    )
    from headrace_worker.means import Means
    from headrace_worker.steps.judge import Verdict

log = logging.getLogger(__name__)

_UNFIT: Final = {
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
}


class Settle:
    """Writes verdicts through the door, and takes the next step of the same run in return."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._completions = Completions(means)

    def close(self) -> None:
        self._completions.close()

    async def settle(self, lease: Lease, verdict: Verdict, *, more: bool) -> Lease | None:
        """Hand in; return the next step of the run if `more` is wanted and there is one."""
        if isinstance(verdict, Failed):
            await self._fail(lease, verdict)
            return None
        slot = self._means.keys.offer() if more else None
        answer = await self._complete(lease, verdict, slot)
        log.info("Step completed.", extra={**facts(lease), "outcome": answer.outcome})
        if answer.outcome is CompleteOutcome.INVALID:
            await self._fail(lease, Failed(ErrorClass.INVALID_OUTPUT, answer.message))
        if slot and not answer.next:
            self._means.keys.withdraw([slot])
        return answer.next

    async def release(self, lease: Lease) -> None:
        """Hand a step back; it spends no attempt and runs again at once."""
        request = ReleaseRequest(
            request_id=self._means.keys.request_id(),
            worker=self._means.profile.worker,
            items=[Held(task=lease.task, fence=lease.fence)],
        )
        answer = await self._means.insist(lambda: self._means.world.door.release(request))
        log.info("Step handed back.", extra={**facts(lease), "outcome": answer.items[0].outcome})

    async def _complete(self, lease: Lease, verdict: Verdict, slot: Slot | None) -> CompleteAnswer:
        item = CompleteItem(
            task=lease.task,
            fence=lease.fence,
            output=verdict.output if isinstance(verdict, Done) else None,
            skipped=isinstance(verdict, Skipped),
            next=slot,
        )
        size = verdict.size if isinstance(verdict, Done) else 0
        try:
            return await self._completions.put(item, size)
        except DoorRefusedError as exc:
            if exc.status not in _UNFIT:
                raise
            return CompleteAnswer(
                task=lease.task,
                fence=lease.fence,
                outcome=CompleteOutcome.INVALID,
                message=f"The gateway refused the output: {exc}",
            )

    async def _fail(self, lease: Lease, failed: Failed) -> None:
        item = FailItem(
            task=lease.task,
            fence=lease.fence,
            error_class=failed.error_class,
            message=failed.message,
            retry_after_seconds=failed.retry_after,
        )
        request = FailRequest(
            request_id=self._means.keys.request_id(),
            worker=self._means.profile.worker,
            items=[item],
        )
        answer = await self._means.insist(lambda: self._means.world.door.fail(request))
        log.warning(
            "Step failed.",
            extra={
                **facts(lease),
                "error_class": failed.error_class,
                "outcome": answer.items[0].outcome,
            },
        )
