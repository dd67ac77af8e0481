"""What passes do in a world in memory."""

from __future__ import annotations

import pytest

import make
from headrace_contract.resources.agent_pipeline import Backlog
from headrace_operator.errors import ConflictError, ForbiddenError, LedgerUnavailableError
from headrace_operator.model.counted import Counted
from headrace_operator.model.resource import Key
from headrace_operator.reconcile import loops
from headrace_operator.reconcile.resync import prime, resync
from worlds import PIPELINE, PROVIDER, TENANT, globe, settled


async def test_a_pipeline_costs_one_write_for_each_thing_that_is_made():
    one = await settled()
    assert [write for write in one.cluster.writes if "Agent" not in write] == [
        "status ModelProvider",
        "apply ServiceAccount",
        "apply NetworkPolicy",
        "apply ConfigMap",
        "create Deployment",
        "apply ScaledObject",
    ]
    pipelines = [write for write in one.cluster.writes if write.endswith("AgentPipeline")]
    assert pipelines == ["finalize AgentPipeline", "status AgentPipeline"]
    assert one.said.words == []


async def test_a_settled_world_stays_silent():
    one = await settled()
    before = list(one.cluster.writes)
    for key in (PIPELINE, TENANT, PROVIDER):
        one.world.queue.add(key)
    await one.settle()
    await resync(one.world)
    await one.settle()
    assert one.cluster.writes == before


async def test_a_restart_writes_nothing():
    one = await settled()
    one.seconds = 6  # the counts of tenant and provider are due
    one.world.queue.add(TENANT)
    one.world.queue.add(PROVIDER)
    await one.settle()
    assert one.status(PROVIDER)["pipelines"] == 1
    again = globe()
    again.cluster = one.cluster
    world = again.world.__class__(
        **{
            name: getattr(again.world, name)
            for name in again.world.__slots__
            if name not in {"cluster", "ledger"}
        },
        cluster=one.cluster,
        ledger=one.ledger,
    )
    again.world = world
    before = list(one.cluster.writes)
    await prime(world)
    await again.settle()
    assert one.cluster.writes == before


async def test_a_refused_pipeline_gets_neither_finalizer_nor_rows():
    one = globe()
    one.applies(make.pipeline())
    await one.settle()
    assert one.conditions()["Accepted"] == ("False", "TenantNotFound")
    assert one.cluster.writes == ["status AgentPipeline"]
    assert one.ledger.pipeline_rows == {}
    assert one.said.words == [("essay", "Warning", "TenantNotFound")]
    one.deletes(PIPELINE)
    await one.settle()
    assert one.cluster.find(*PIPELINE) is None


async def test_a_pass_that_fails_is_due_again_and_told():
    one = await settled()
    one.ledger.away = LedgerUnavailableError("away")
    one.applies(make.pipeline(retry={"maxAttempts": 5}))
    await one.settle()
    assert one.conditions()["Ready"] == ("False", "LedgerUnavailable")
    assert PIPELINE in one.world.queue._timers
    one.ledger.away = None
    one.world.queue.add(PIPELINE)
    await one.settle()
    assert one.conditions()["Ready"] == ("True", "ScaledToZero")
    assert PIPELINE not in one.world.queue._failures


async def test_a_status_that_could_not_be_written_is_due_again():
    one = await settled()
    one.applies(make.pipeline(stopPolicy="Hold"))
    one.cluster.failures = [ConflictError("somebody else wrote")]
    await one.settle()
    assert "Paused" not in one.conditions()
    assert PIPELINE in one.world.queue._timers
    one.world.queue.add(PIPELINE)
    await one.settle()
    assert one.conditions()["Paused"] == ("True", "StopPolicyHold")


async def test_a_permission_that_is_missing_is_told_and_looked_at_again():
    one = globe()
    one.applies(make.tenant())
    one.applies(make.provider())
    await one.settle()
    one.cluster.failures = [ForbiddenError("serviceaccounts is forbidden")]
    body = make.pipeline()
    one.applies(body)
    await one.settle()
    assert one.conditions()["Ready"] == ("False", "Forbidden")
    assert PIPELINE in one.world.queue._timers


async def test_one_poisoned_object_never_stops_the_others(caplog):
    one = await settled()
    broken = make.pipeline("poison")
    one.applies(broken)
    entry = one.world.cache._kinds["AgentPipeline"][Key("AgentPipeline", "team-a", "poison")]
    one.world.cache._kinds["AgentPipeline"][Key("AgentPipeline", "team-a", "poison")] = type(entry)(
        entry.uid, entry.version, b'{"kind": "AgentPipeline", "metadata": {}}'
    )
    one.applies(make.pipeline("healthy"))
    await one.settle()
    healthy = one.conditions(Key("AgentPipeline", "team-a", "healthy"))
    assert healthy["Ready"] == ("True", "ScaledToZero")
    assert "nobody foresaw" in caplog.text


async def test_counts_are_written_at_most_once_in_their_time():
    one = await settled()
    one.ledger.counted = {("team-a", "essay"): Counted(Backlog(runnable=1))}
    await loops.count(one.world)
    one.seconds = 6
    one.world.queue.add(PIPELINE)
    await one.settle()
    assert one.status()["backlog"]["runnable"] == 1
    before = list(one.cluster.writes)
    one.ledger.counted = {("team-a", "essay"): Counted(Backlog(runnable=2))}
    await loops.count(one.world)
    await one.settle()
    assert one.cluster.writes == before
    assert PIPELINE in one.world.queue._timers
    one.seconds = 12
    one.world.queue.add(PIPELINE)
    await one.settle()
    assert one.status()["backlog"]["runnable"] == 2


async def test_counts_that_cannot_be_read_are_not_taken_for_zero():
    one = await settled()
    one.seconds = 6
    one.ledger.counted = {("team-a", "essay"): Counted(Backlog(running=3))}
    await loops.count(one.world)
    await one.settle()
    one.ledger.away = LedgerUnavailableError("away")
    with pytest.raises(LedgerUnavailableError):
        await loops.count(one.world)
    one.world.queue.add(PIPELINE)
    await one.settle()
    assert one.status()["backlog"]["running"] == 3
