"""What this gateway remembers of the leases that it handed out: enough to wake and to show."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from uuid import UUID

    from headrace_ledger.records import LeaseRecord

MOST: Final = 100_000


@dataclass(frozen=True, slots=True)
class Known:
    """A lease's run and step, and the pipeline that they are of."""

    tenant: str
    pipeline: int | None
    run: UUID
    step: str
    fence: int


class Tasks:
    """Bounded, and no truth: after a restart, or at another gateway, it knows nothing."""

    def __init__(self) -> None:
        self._known: OrderedDict[UUID, Known] = OrderedDict()

    def add(self, lease: LeaseRecord, pipeline: int | None) -> None:
        self._known[lease.task] = Known(lease.tenant, pipeline, lease.run, lease.step, lease.fence)
        self._known.move_to_end(lease.task)
        while len(self._known) > MOST:
            self._known.popitem(last=False)

    def find(self, task: UUID, fence: int) -> Known | None:
        known = self._known.get(task)
        return known if known and known.fence == fence else None

    def end(self, task: UUID, fence: int) -> Known | None:
        known = self.find(task, fence)
        if known:
            del self._known[task]
        return known
