"""What every door must do: the one in memory and the real gateway sit the same exam."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import secrets
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest

from headrace_contract.protocol import (
    ClaimRequest,
    CompleteItem,
    CompleteRequest,
    FailItem,
    FailRequest,
    HeartbeatRequest,
    Held,
    ProgressRequest,
    ReleaseRequest,
    Slot,
)
from headrace_worker.connect import connect
from headrace_worker.testing import MemoryDoor
from headrace_worker.world import Door
from worker_gateway import KEY
from worker_scenes import llm, pipeline

pytestmark = pytest.mark.postgres


@dataclass
class Desk:
    """A door, and the other side of it."""

    door: Door
    compiled: Any
    submit: Any
    cancel: Any

    async def claim(self, count: int = 1, **more: Any) -> list[Any]:
        given = {
            "request_id": uuid4().hex,
            "worker": "worker-1",
            "namespace": self.compiled.namespace,
            "pipeline": self.compiled.name,
            "pool": "main",
            "step_types": ["LLM", "HTTP", "Python"],
            "slots": [slot() for _ in range(count)],
            **more,
        }
        return (await self.door.claim(ClaimRequest(**given))).leases

    async def complete(self, lease: Any, **more: Any) -> Any:
        item = CompleteItem(task=lease.task, fence=lease.fence, **more)
        request = CompleteRequest(
            request_id=uuid4().hex, worker="worker-1", step_types=["LLM"], items=[item]
        )
        return (await self.door.complete(request)).items[0]

    async def fail(self, lease: Any, error_class: str) -> str:
        item = FailItem(task=lease.task, fence=lease.fence, error_class=error_class, message="no")
        request = FailRequest(request_id=uuid4().hex, worker="worker-1", items=[item])
        return (await self.door.fail(request)).items[0].outcome

    async def release(self, lease: Any) -> str:
        items = [Held(task=lease.task, fence=lease.fence)]
        request = ReleaseRequest(request_id=uuid4().hex, worker="worker-1", items=items)
        return (await self.door.release(request)).items[0].outcome

    async def beat(self, *leases: Any) -> list[str]:
        held = [Held(task=lease.task, fence=lease.fence) for lease in leases]
        request = HeartbeatRequest(worker="worker-1", leases=held)
        answer = await asyncio.to_thread(self.door.heartbeat, request)
        return [each.outcome for each in answer.leases]


def slot() -> Slot:
    return Slot(key_hash=hashlib.sha256(secrets.token_bytes(32)).hexdigest())


@contextlib.asynccontextmanager
async def memory(compiled: Any, _: Any) -> AsyncIterator[Desk]:
    door = MemoryDoor(time.monotonic)

    async def submit(given: Any = None) -> Any:
        return door.submit(compiled, given)

    async def cancel(run: Any) -> None:
        door.cancel(run)

    yield Desk(door, compiled, submit, cancel)


@contextlib.asynccontextmanager
async def gateway(compiled: Any, served: Any) -> AsyncIterator[Desk]:
    await served.apply(compiled)
    world = connect(served.url, lambda: KEY, {})

    async def submit(given: Any = None) -> Any:
        return await served.submit(compiled, given or {})

    async def cancel(run: Any) -> None:
        await served.gateway.cancel("acme", run)

    try:
        yield Desk(world.door, compiled, submit, cancel)
    finally:
        await world.close()


@pytest.fixture(params=[memory, gateway], ids=["memory", "gateway"])
async def desk(request: Any, served: Any) -> AsyncIterator[Desk]:
    steps = (llm("first"), llm("second", after=["first"]))
    compiled = pipeline(*steps, name=f"exam-{uuid4().hex[:8]}", uid=str(uuid4()))
    async with request.param(compiled, served) as desk:
        yield desk


async def test_nothing_to_do_is_an_empty_answer(desk):
    assert await desk.claim() == []


async def test_a_lease_carries_all_that_the_step_needs(desk):
    await desk.submit({"topic": "rivers"})
    mine = slot()
    (lease,) = await desk.claim(slots=[mine])
    assert lease.key_hash == mine.key_hash
    assert (lease.step, lease.attempt, lease.fence) == ("first", 1, 1)
    assert (lease.input, lease.outputs) == ({"topic": "rivers"}, {})
    assert lease.pipeline.digest == lease.digest == desk.compiled.digest
    assert 0 < lease.timeout_seconds <= 60
    assert lease.traceparent.startswith("00-")
    assert lease.lease_seconds == 30


async def test_a_pipeline_that_is_known_is_left_out(desk):
    await desk.submit()
    (lease,) = await desk.claim(known_digests=[desk.compiled.digest])
    assert lease.pipeline is None
    assert lease.digest == desk.compiled.digest


async def test_no_more_leases_than_slots(desk):
    for _ in range(3):
        await desk.submit()
    assert len(await desk.claim(2)) == 2
    assert len(await desk.claim(2)) == 1


async def test_a_retried_claim_finds_its_own_leases(desk):
    await desk.submit()
    request = {"request_id": uuid4().hex, "slots": [slot()]}
    first = await desk.claim(**request)
    again = await desk.claim(**request)
    assert [(x.task, x.fence, x.key_hash) for x in first] == [
        (x.task, x.fence, x.key_hash) for x in again
    ]
    assert await desk.claim() == []


async def test_a_claim_that_waits_is_woken_by_a_submit(desk):
    waiting = asyncio.create_task(desk.claim(wait_seconds=20))
    await asyncio.sleep(0)
    await desk.submit()
    async with asyncio.timeout(5):
        assert len(await waiting) == 1


async def test_a_step_type_that_is_not_spoken_is_not_handed_out(desk):
    await desk.submit()
    assert await desk.claim(step_types=["HTTP"]) == []


async def test_a_completed_step_hands_out_the_next_one_of_its_run(desk):
    await desk.submit()
    (lease,) = await desk.claim()
    mine = slot()
    answer = await desk.complete(lease, output={"text": "ü"}, next=mine)
    assert answer.outcome == "Done"
    assert (answer.next.step, answer.next.key_hash) == ("second", mine.key_hash)
    assert answer.next.outputs == {"first": {"text": "ü"}}
    assert (await desk.complete(answer.next, output=None, next=slot())).next is None


async def test_without_a_slot_there_is_no_next_step(desk):
    await desk.submit()
    (lease,) = await desk.claim()
    assert (await desk.complete(lease, output=1)).next is None
    assert [lease.step for lease in await desk.claim()] == ["second"]


async def test_the_output_of_a_skipped_step_is_absent(desk):
    await desk.submit()
    (lease,) = await desk.claim()
    answer = await desk.complete(lease, skipped=True, next=slot())
    assert answer.next.outputs == {}


async def test_a_retried_complete_finds_its_own_answer(desk):
    await desk.submit()
    (lease,) = await desk.claim()
    item = CompleteItem(task=lease.task, fence=lease.fence, output=1, next=slot())
    request = CompleteRequest(
        request_id=uuid4().hex, worker="worker-1", step_types=["LLM"], items=[item]
    )
    first, again = await desk.door.complete(request), await desk.door.complete(request)
    assert first.items[0].outcome == again.items[0].outcome == "Done"
    assert first.items[0].next.task == again.items[0].next.task
    assert first.items[0].next.fence == again.items[0].next.fence


async def test_a_stale_fence_is_refused_everywhere(desk):
    await desk.submit()
    (old,) = await desk.claim()
    assert await desk.release(old) == "Released"
    (new,) = await desk.claim()
    assert new.fence > old.fence
    assert new.attempt == 1
    assert await desk.beat(old, new) == ["Lost", "Held"]
    assert (await desk.complete(old, output=1)).outcome == "Stale"
    assert await desk.fail(old, "StepError") == "Stale"
    assert await desk.release(old) == "Stale"
    assert (await desk.complete(new, output=2)).outcome == "Done"


async def test_a_failure_spends_an_attempt_until_none_is_left(desk):
    await desk.submit()
    (lease,) = await desk.claim()
    assert await desk.fail(lease, "ProviderError") == "Retry"
    (lease,) = await desk.claim(wait_seconds=20)
    assert lease.attempt == 2
    assert await desk.fail(lease, "ProviderError") == "Dead"
    assert await desk.claim() == []


async def test_what_cannot_succeed_is_not_tried_again(desk):
    await desk.submit()
    (lease,) = await desk.claim()
    assert await desk.fail(lease, "InvalidOutput") == "Dead"


async def test_an_interruption_spends_no_attempt(desk):
    await desk.submit()
    (lease,) = await desk.claim()
    assert await desk.fail(lease, "Interrupted") == "Retry"
    (lease,) = await desk.claim(wait_seconds=20)
    assert lease.attempt == 1


async def test_what_is_cut_off_again_and_again_ends(desk):
    await desk.submit()
    told = []
    for _ in range(5):
        (lease,) = await desk.claim(wait_seconds=20)
        told.append(await desk.fail(lease, "Interrupted"))
    assert told == ["Retry"] * 4 + ["Dead"]
    assert await desk.claim() == []


async def test_the_beat_tells_of_a_cancelled_run(desk):
    run = await desk.submit()
    (lease,) = await desk.claim()
    assert await desk.beat(lease) == ["Held"]
    await desk.cancel(run)
    assert await desk.beat(lease) == ["Cancelled"]
    assert (await desk.complete(lease, output=1)).outcome == "Stale"


async def test_progress_is_taken_whoever_sends_it(desk):
    await desk.submit()
    (lease,) = await desk.claim()
    await desk.door.progress(ProgressRequest(task=lease.task, fence=lease.fence, text="half"))
    await desk.door.progress(ProgressRequest(task=lease.task, fence=99, text="stale"))
