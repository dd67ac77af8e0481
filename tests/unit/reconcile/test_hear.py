"""Echoes of a pass's own writes cost no second pass; what others do during it does."""

from __future__ import annotations

import pytest

import make
from headrace_operator.reconcile.hear import catch_up, hear
from headrace_operator.reconcile.resync import prime
from headrace_operator.reconcile.turn import turn
from worlds import PIPELINE, globe, settled


def child(version, uid="uid-1"):
    metadata = {"name": "x", "namespace": "team-a", "uid": uid, "resourceVersion": version}
    labels = {"headrace.dev/pipeline": "essay"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {**metadata, "labels": labels}}


async def busy(world):
    """Begin a pass over the pipeline; close it to end the pass."""
    world.queue.add(PIPELINE)
    taking = world.queue.take()
    assert await taking.__aenter__() == PIPELINE
    return taking


HEARD = {
    "an echo of its own write": ("5", "5", 0),
    "an echo that is older than its last write": ("4", "5", 0),
    "a change that somebody made meanwhile": ("6", "5", 1),
}


@pytest.mark.parametrize(("told", "answered", "due"), HEARD.values(), ids=HEARD)
async def test_what_is_heard_during_a_pass_is_judged_at_its_end(told, answered, due):
    world = globe().world
    passing = await busy(world)
    hear(child(told), world, gone=False)  # the watch may be faster than the answer
    assert world.cache.count("ConfigMap") == 0
    world.cache.saw(child(answered))
    catch_up(PIPELINE, world)
    await passing.__aexit__(None, None, None)
    assert world.queue.depth() == due
    assert world.board.heard == {}


async def test_a_deletion_during_a_pass_is_not_forgotten():
    world = globe().world
    world.cache.saw(child("4"))
    passing = await busy(world)
    hear(child("5"), world, gone=True)
    hear(child("6", uid="uid-2"), world, gone=False)
    catch_up(PIPELINE, world)
    await passing.__aexit__(None, None, None)
    assert world.queue.depth() == 1
    assert [one["metadata"]["uid"] for one in world.cache.children(PIPELINE)] == ["uid-2"]


async def test_a_pass_ends_with_what_was_heard_during_it(monkeypatch):
    one = await settled()
    body = one.cluster.find(*PIPELINE)
    newer = {**body, "metadata": {**body["metadata"], "resourceVersion": "999"}}
    real = one.cluster.apply_status

    async def told_meanwhile(*args):
        answer = await real(*args)
        hear(newer, one.world, gone=False)
        return answer

    monkeypatch.setattr(one.cluster, "apply_status", told_meanwhile)
    one.applies(make.pipeline(stopPolicy="Hold"))
    await turn(one.world, one.leadership)
    assert one.world.queue.depth() == 1
    assert one.world.cache.entry(PIPELINE).version == 999


async def test_after_a_start_each_pipeline_is_passed_once():
    one = globe()
    for body in (make.tenant(), make.provider(), *(make.pipeline(f"p{n}") for n in range(5))):
        one.cluster.user_applies(body)
    await prime(one.world)
    await one.settle()
    passes = one.world.metrics.registry.get_sample_value(
        "headrace_operator_reconcile_seconds_count", {"kind": "AgentPipeline"}
    )
    assert passes == 5
