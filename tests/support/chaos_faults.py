"""Faults on a seeded schedule: -9 for workers, for gateways and for all of PostgreSQL."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chaos_processes import pause

if TYPE_CHECKING:
    from chaos_processes import Program
    from chaos_stack import Stack

DOWN_SECONDS = {"worker": 1.0, "gateway": 1.0, "postgres": 2.0}
"""How long what was killed stays away."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One that fired: whom it hit, the ids of processes that are gone, and when."""

    kind: str
    name: str
    pids: tuple[int, ...]
    began: float
    ended: float
    """When it was started again; it may take a while to be there."""


def schedule(seed: int, count: dict[str, int], seconds: float) -> list[tuple[float, str]]:
    """Spread so many faults of each kind over a time, in an order that the seed gives."""
    rng = random.Random(seed)
    kinds = [kind for kind, times in count.items() for _ in range(times)]
    rng.shuffle(kinds)
    share = seconds / len(kinds)
    return [(share * (n + rng.uniform(0.2, 0.8)), kind) for n, kind in enumerate(kinds)]


@dataclass
class Faults:
    """Carries a schedule out, and keeps what it did."""

    stack: Stack
    seed: int
    fired: list[Fault] = field(default_factory=list)

    async def run(self, due: list[tuple[float, str]]) -> None:
        rng = random.Random(self.seed)
        began = time.monotonic()
        for at, kind in due:
            await asyncio.sleep(max(0, began + at - time.monotonic()))
            victims = {"worker": self.stack.workers, "gateway": self.stack.gateways}.get(kind)
            victim = rng.choice(victims) if victims else None
            self.fired.append(await asyncio.to_thread(self._fire, kind, victim))

    def of(self, kind: str) -> list[Fault]:
        return [fault for fault in self.fired if fault.kind == kind]

    def _fire(self, kind: str, victim: Program | None) -> Fault:
        at = time.time()
        if victim is None:
            pids = tuple(self.stack.postgres.kill())
            pause(DOWN_SECONDS[kind])
            self.stack.postgres.restart()
        else:
            pids = (victim.kill(),)
            pause(DOWN_SECONDS[kind])
            self.stack.revive(victim)
        name = victim.name if victim else kind
        return Fault(kind, name, pids, at, time.time())
