"""What stops a step: a drain, a beat that is refused, a lease that moved."""

from __future__ import annotations

import threading
import time

import pytest

from headrace_worker.errors import DoorError
from headrace_worker.testing import MemoryDoor
from worker_scenes import Scene, finished, llm, pipeline, until


async def test_an_idle_worker_leaves_at_once():
    scene = Scene().with_profile(drain_seconds=60)
    async with scene.worker() as worker:
        await until(lambda: worker.vitals.ready)
        start = time.monotonic()
    assert time.monotonic() - start < 1
    await until(lambda: not [t for t in threading.enumerate() if t.name.startswith("headrace")])


async def test_a_step_that_fits_into_the_drain_is_finished_and_its_run_not_gone_on_with():
    scene = Scene()
    scene.model.go.clear()
    async with scene.worker() as worker:
        run = scene.door.submit(pipeline(llm("a"), llm("b", after=["a"])), {})
        await until(lambda: scene.model.bodies)
        worker.drain()
        scene.model.go.set()
    assert (run.tasks["a"].state, run.tasks["b"].state) == ("done", "ready")
    assert scene.door.asked("complete")[0].items[0].next is None
    assert scene.door.asked("release") == []


async def test_a_step_that_does_not_fit_is_handed_back_within_two_seconds():
    scene = Scene().with_profile(drain_seconds=0.1)
    scene.model.go.clear()
    async with scene.worker() as worker:
        run = scene.door.submit(pipeline(llm("a")), {})
        await until(lambda: scene.model.bodies)
        start = time.monotonic()
        worker.drain()
    assert time.monotonic() - start < 2
    assert scene.door.asked("release")[0].reason == "Interrupted"
    task = run.tasks["a"]
    assert (task.state, task.attempt, task.losses) == ("ready", 1, 0)


async def test_a_gateway_that_is_away_does_not_hold_up_the_leaving():
    scene = Scene().with_profile(drain_seconds=0.1, hand_back_seconds=0.5)
    scene.model.go.clear()
    async with scene.worker() as worker:
        scene.door.submit(pipeline(llm("a")), {})
        await until(lambda: scene.model.bodies)
        scene.door.away = True
        start = time.monotonic()
        worker.drain()
    assert time.monotonic() - start < 1.5


async def test_nothing_is_claimed_after_the_drain_has_begun():
    scene = Scene()
    scene.model.go.clear()
    async with scene.worker() as worker:
        scene.door.submit(pipeline(llm("a")), {})
        await until(lambda: scene.model.bodies)
        worker.drain()
        late = scene.door.submit(pipeline(llm("a")), {})
        scene.model.go.set()
    assert late.tasks["a"].state == "ready"


STOPS = {
    "a lease that was lost is not completed": ("lose", 0, "leased"),
    "a cancelled run is not completed": ("cancel", 0, "cancelled"),
    "a hold that drains hands the step back": ("hold", 1, "ready"),
}


@pytest.mark.parametrize(("how", "releases", "state"), STOPS.values(), ids=STOPS)
async def test_a_beat_that_is_refused_stops_the_step(how, releases, state):
    scene = Scene(door=MemoryDoor(time.monotonic)).with_profile(
        heartbeat_seconds=0.05, concurrency=1
    )
    scene.model.go.clear()
    async with scene.worker():
        run = scene.door.submit(pipeline(llm("a")), {})
        task = run.tasks["a"]
        await until(lambda: scene.model.bodies)
        claims = len(scene.door.asked("claim"))
        if how == "lose":  # somebody else took it: the fence has moved
            task.fence += 1
        elif how == "cancel":
            scene.door.cancel(run)
        else:
            scene.door.ledger.hold_and_drain = True
        await until(lambda: len(scene.door.asked("claim")) > claims)
        scene.door.ledger.hold_and_drain = False
        assert len(scene.door.asked("release")) == releases
        assert scene.door.asked("complete") == scene.door.asked("fail") == []
        assert task.state in {state, "leased"}
        scene.model.go.set()


async def test_an_unreachable_gateway_stops_no_step():
    scene = Scene().with_profile(heartbeat_seconds=0.02)
    scene.model.go.clear()
    async with scene.worker():
        run = scene.door.submit(pipeline(llm("a")), {})
        await until(lambda: scene.model.bodies)
        scene.door.away = True
        await until(lambda: len(scene.door.asked("heartbeat")) > 3)
        scene.door.away = False
        scene.model.go.set()
        assert (await finished(run)).status == "succeeded"


async def test_a_beat_that_fails_in_any_way_is_not_the_last_one():
    scene = Scene().with_profile(heartbeat_seconds=0.02)
    scene.model.go.clear()
    heartbeat, failed = scene.door.heartbeat, []

    def fail(request):
        if len(failed) < 2:
            failed.append(request)
            raise DoorError if len(failed) == 1 else ZeroDivisionError
        return heartbeat(request)

    scene.door.heartbeat = fail
    async with scene.worker():
        run = scene.door.submit(pipeline(llm("a")), {})
        await until(lambda: scene.door.asked("heartbeat"))
        scene.model.go.set()
        assert (await finished(run)).status == "succeeded"


async def test_a_blocked_event_loop_keeps_beating():
    scene = Scene(door=MemoryDoor(time.monotonic, lease_seconds=0.3))
    scene.model.go.clear()
    async with scene.worker():
        run = scene.door.submit(pipeline(llm("a")), {})
        await until(lambda: scene.model.bodies)
        before, begun = len(scene.door.asked("heartbeat")), time.monotonic()
        while len(scene.door.asked("heartbeat")) < before + 8:  # two leases long
            assert time.monotonic() < begun + 10
            threading.Event().wait(0.01)  # nothing else turns in this thread meanwhile
        assert run.tasks["a"].lease_until > time.monotonic()
        scene.model.go.set()
        assert (await finished(run)).status == "succeeded"
    assert run.tasks["a"].fence == 1


async def test_all_leases_go_in_one_beat():
    scene = Scene().with_profile(heartbeat_seconds=0.05)
    scene.model.go.clear()
    async with scene.worker():
        runs = [scene.door.submit(pipeline(llm("a")), {}) for _ in range(3)]
        await until(lambda: [b for b in scene.door.asked("heartbeat") if len(b.leases) == 3])
        scene.model.go.set()
        for run in runs:
            await finished(run)


async def test_a_zombie_is_told_so_and_takes_nothing_back():
    scene = Scene().with_profile(heartbeat_seconds=30)
    scene.model.go.clear()
    async with scene.worker():
        run = scene.door.submit(pipeline(llm("a")), {})
        task = run.tasks["a"]
        await until(lambda: scene.model.bodies)
        task.fence += 1  # another has it now
        scene.model.go.set()
        await until(lambda: scene.door.asked("complete"))
    assert (task.state, task.output) == ("leased", None)
