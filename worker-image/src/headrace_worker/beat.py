"""
The heartbeat: one thread, one connection, all leases of the worker in one request.

It shares nothing with the event loop but a table under a lock, so code that blocks the loop
delays steps and never costs a lease.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from headrace_contract.protocol import BeatOutcome, HeartbeatRequest, Held
from headrace_worker.errors import DoorError

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from headrace_contract.protocol import HeartbeatResponse, Lease
    from headrace_worker.profile import Profile

log = logging.getLogger(__name__)


class Beat:
    """Tells the gateway which steps are alive, and the steps what the gateway says of them."""

    def __init__(
        self,
        profile: Profile,
        send: Callable[[HeartbeatRequest], HeartbeatResponse],
        rng: random.Random,
        tick: Callable[[], None],
    ) -> None:
        self._worker = profile.worker
        self._every = profile.heartbeat_seconds
        self._send = send
        self._rng = rng
        self._tick = tick
        self._held: dict[tuple[str, int], Callable[[BeatOutcome], None]] = {}
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._over = False
        self._thread = threading.Thread(target=self._run, name="headrace-beat", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._over = True
        self._wake.set()

    def hold(self, lease: Lease, tell: Callable[[BeatOutcome], None]) -> None:
        """Beat for this lease; `tell` is called in the beat's thread when it is held no more."""
        with self._lock:
            self._held[lease.task, lease.fence] = tell
        if lease.lease_seconds / 3 < self._every:
            self._every = lease.lease_seconds / 3
            self._wake.set()

    def let_go(self, lease: Lease) -> None:
        with self._lock:
            self._held.pop((lease.task, lease.fence), None)

    def _run(self) -> None:
        pause = self._every
        while not self._over:
            # Early by up to a tenth, so that workers that started together drift apart.
            if self._wake.wait(pause * self._rng.uniform(0.9, 1.0)):
                self._wake.clear()
            self._tick()
            pause = self._every if self._beat() else min(self._every, 2.0)

    def _beat(self) -> bool:
        """Send one beat; False if it reached nobody, which is no reason to stop a step."""
        with self._lock:
            held = [Held(task=task, fence=fence) for task, fence in self._held]
        if not held or self._over:
            return True
        try:
            answer = self._send(HeartbeatRequest(worker=self._worker, leases=held))
        except DoorError as exc:  # unreachable or refused as a whole: no word about any lease
            log.warning("No heartbeat got through.", extra={"error": str(exc)})
            return False
        except Exception:  # a thread that dies quietly would lose every lease
            log.exception("The heartbeat failed.")
            return False
        for each in answer.leases:
            if each.outcome is not BeatOutcome.HELD:
                self._tell(each.task, each.fence, each.outcome)
        return True

    def _tell(self, task: str, fence: int, outcome: BeatOutcome) -> None:
        with self._lock:
            tell = self._held.pop((task, fence), None)
        if tell is not None:
            tell(outcome)
