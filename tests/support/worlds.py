"""A whole world in memory: cluster, ledger, cache and queue, and a hand that turns it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import make
from headrace_operator.apply.testing import MemoryCluster, MemoryLedger
from headrace_operator.metrics import Metrics
from headrace_operator.model.resource import OURS, Key
from headrace_operator.reconcile.cache import Cache
from headrace_operator.reconcile.lead import Leadership
from headrace_operator.reconcile.queue import WorkQueue
from headrace_operator.reconcile.turn import turn
from headrace_operator.reconcile.world import Board, World

PIPELINE = Key("AgentPipeline", "team-a", "essay")
TENANT = Key("AgentTenant", None, "acme")
PROVIDER = Key("ModelProvider", None, "acme")


class Said:
    """A recorder that keeps what was said."""

    def __init__(self) -> None:
        self.words: list[tuple[str, str, str]] = []

    async def record(self, about: Any, kind: str, words: tuple[str, str], now: Any) -> None:
        self.words.append((about.name, kind, words[0]))


class Alone:
    """A Lease that nobody else wants."""

    epoch = 1

    async def take(self, now: Any) -> None: ...
    async def renew(self, now: Any) -> None: ...
    async def release(self) -> None: ...


@dataclass
class Globe:
    """A world and the hand."""

    world: World
    cluster: MemoryCluster
    ledger: MemoryLedger
    said: Said
    leadership: Leadership
    seconds: float = 0.0

    def applies(self, body: dict[str, Any]) -> None:
        """Let a person apply an object, and the watch tell of it."""
        stored = self.cluster.user_applies(body)
        self.world.cache.saw(stored)
        self.world.queue.add(
            Key(body["kind"], body["metadata"].get("namespace"), stored_name(body))
        )

    def deletes(self, key: Key) -> None:
        body = self.cluster.find(*key)
        assert body is not None
        self.cluster.user_deletes(*key)
        after = self.cluster.find(*key)
        if after is None:
            self.world.cache.lost(key, body["metadata"]["uid"])
        else:
            self.world.cache.saw(after)
        self.world.queue.add(key)

    async def settle(self) -> None:
        """Turn until nothing is due."""
        if not self.leadership.holds():
            await self.leadership.take(self.world.now)
        for _ in range(200):
            if not self.world.queue.depth():
                return
            await turn(self.world, self.leadership)
        msg = "it never comes to rest"
        raise AssertionError(msg)

    def status(self, key: Key = PIPELINE) -> dict[str, Any]:
        body = self.cluster.find(*key)
        assert body is not None
        return body.get("status") or {}

    def conditions(self, key: Key = PIPELINE) -> dict[str, tuple[str, str]]:
        return {
            one["type"]: (one["status"], one["reason"])
            for one in self.status(key).get("conditions") or ()
        }


def stored_name(body: dict[str, Any]) -> str:
    return str(body["metadata"]["name"])


def globe(*, keda: bool = True) -> Globe:
    cluster, ledger, said, metrics = MemoryCluster(), MemoryLedger(), Said(), Metrics()
    made: list[Globe] = []

    def clock() -> float:
        return made[0].seconds if made else 0.0

    world = World(
        cluster=cluster,
        ledger=ledger,
        recorder=said,
        cache=Cache(),
        queue=WorkQueue(clock, lambda: 0.5),
        board=Board(keda=keda),
        site=make.SITE,
        metrics=metrics,
        now=lambda: make.NOW + timedelta(seconds=clock()),
        between_counts=timedelta(seconds=5),
    )
    leadership = Leadership(Alone(), 1_000_000.0, clock, metrics)
    made.append(Globe(world, cluster, ledger, said, leadership))
    return made[0]


async def settled(**changes: Any) -> Globe:
    """Return a world with a tenant, a provider and a pipeline that is Ready."""
    one = globe()
    one.applies(make.tenant())
    one.applies(make.provider())
    one.applies(make.pipeline(**changes))
    await one.settle()
    assert one.conditions()["Ready"][0] == "True", one.status()
    return one


KINDS = tuple(one.kind for one in OURS)
