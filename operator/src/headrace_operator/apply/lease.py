"""Our Lease: who is the operator, and in which epoch; the only write of an idle operator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from headrace_operator.errors import ConflictError, GoneError, NotLeadingError
from headrace_operator.model.resource import LEASES

if TYPE_CHECKING:
    from datetime import datetime

    from headrace_operator.apply.wire import Wire

NAME: Final = "headrace-operator"


class KubeLease:
    """
    A Lease that the last starter takes at once.

    One replica and the strategy Recreate make sure that there is one operator; the Lease makes
    sure that one which was stopped and wakes up later finds out before it writes anything.
    """

    def __init__(self, wire: Wire, namespace: str, holder: str, seconds: int) -> None:
        self._wire = wire
        self._namespace = namespace
        self._holder = holder
        self._seconds = seconds
        self._body: dict[str, Any] = {}

    @property
    def epoch(self) -> int:
        return int(self._body["spec"]["leaseTransitions"]) if self._body else 0

    async def take(self, now: datetime) -> None:
        """Begin a new epoch."""
        path = LEASES.path(self._namespace, NAME)
        try:
            found = await self._wire.get(path)
        except GoneError:
            self._body = await self._wire.post(LEASES.path(self._namespace), self._fresh(now, 1))
            return
        epoch = int((found.get("spec") or {}).get("leaseTransitions") or 0) + 1
        metadata = {"resourceVersion": found["metadata"]["resourceVersion"]}
        self._body = await self._wire.put(path, self._fresh(now, epoch, metadata))

    async def renew(self, now: datetime) -> None:
        """Stay the operator; raise NotLeadingError if somebody else has become it."""
        spec = {**self._body["spec"], "renewTime": _micro(now)}
        body = {**self._body, "spec": spec}
        path = LEASES.path(self._namespace, NAME)
        try:
            self._body = await self._wire.put(path, body)
        except ConflictError:
            await self._again(path, spec)

    async def release(self) -> None:
        """Leave: the next operator need not wonder whether this one lives."""
        if not self._body:
            return
        spec = {**self._body["spec"], "holderIdentity": ""}
        await self._wire.put(LEASES.path(self._namespace, NAME), {**self._body, "spec": spec})
        self._body = {}

    async def _again(self, path: str, spec: dict[str, Any]) -> None:
        """Renew after somebody wrote: our own write whose answer was lost, or a successor."""
        found = await self._wire.get(path)
        theirs = found.get("spec") or {}
        mine = (self._holder, self.epoch)
        if (theirs.get("holderIdentity"), theirs.get("leaseTransitions")) != mine:
            msg = f"the Lease is held by '{theirs.get('holderIdentity')}'"
            raise NotLeadingError(msg)
        self._body = await self._wire.put(path, {**found, "spec": spec})

    def _fresh(
        self, now: datetime, epoch: int, metadata: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        return {
            "apiVersion": LEASES.api_version,
            "kind": LEASES.kind,
            "metadata": {"name": NAME, "namespace": self._namespace, **(metadata or {})},
            "spec": {
                "holderIdentity": self._holder,
                "leaseDurationSeconds": self._seconds,
                "leaseTransitions": epoch,
                "acquireTime": _micro(now),
                "renewTime": _micro(now),
            },
        }


def _micro(now: datetime) -> str:
    return now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
