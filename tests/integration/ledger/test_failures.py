from __future__ import annotations

import json

import pytest

import ledger_rows as make
from headrace_ledger.records import HeldLease, RunStatus

pytestmark = pytest.mark.postgres


def held(lease):
    return HeldLease(lease.tenant, lease.task, lease.fence)


async def test_failures_are_retried_until_none_is_left_then_the_run_fails_with_its_class(house):
    row = await house.pipeline(
        make.edge("a"), make.edge("b", pool="far"), make.edge("c", "a"), max_attempts=2
    )
    item = await house.submit(row)
    first = await house.lease(row)
    [settled] = await house.gateway.fail([make.failure(first)])
    assert (settled.outcome, settled.pool_ids) == ("Retry", (await house.pool(row),))
    second = await house.lease(row)
    assert (second.attempt, second.fence) == (2, 2)
    failing = make.failure(second)
    [settled] = await house.gateway.fail([failing])
    assert (settled.outcome, settled.run_finished) == ("Dead", True)
    assert [s.outcome for s in await house.gateway.fail([failing])] == [
        "Dead"
    ]  # a retry finds its answer
    run = await house.gateway.run(house.tenant, item.id)
    assert (run.status, run.error_class, run.message) == (RunStatus.FAILED, "StepError", "it broke")
    assert await house.states(item) == {"a": "dead", "b": "cancelled", "c": "cancelled"}
    [counts] = await house.gateway.counts([await house.pool(row)])
    assert (counts.runnable, counts.running, counts.dead) == (0, 0, 1)


BACKOFFS = {
    "full jitter of the first": ({}, 1, 0.5, 1.0),
    "doubled each time": ({}, 2, 0.5, 2.0),
    "capped": ({"backoff_max_seconds": 3.0}, 3, 1.0, 3.0),
    "overridden by Retry-After": ({}, 1, 0.5, 77.0),
}


@pytest.mark.parametrize(("changes", "times", "jitter", "want"), BACKOFFS.values(), ids=BACKOFFS)
async def test_backoff(house, admin, changes, times, jitter, want):
    row = await house.pipeline(
        **{
            "backoff_initial_seconds": 2.0,
            "backoff_max_seconds": 60.0,
            "max_attempts": 9,
            **changes,
        }
    )
    item = await house.submit(row)
    delay = 77.0 if want == 77.0 else None
    for _ in range(times):
        lease = await house.lease(row)
        await house.gateway.fail([make.failure(lease, jitter=jitter, delay_seconds=delay)])
        [step] = (await house.gateway.run(house.tenant, item.id)).steps
        assert step.state == "parked"
        sql = (
            "SELECT extract(epoch FROM ready_at - now())::float8 FROM headrace.tasks WHERE id = $1"
        )
        left = await admin.fetchval(sql, lease.task)
        await admin.execute("UPDATE headrace.tasks SET ready_at = now() WHERE id = $1", lease.task)
        await house.gateway.sweep()
    assert want - 5 < left <= want


ACTIONS = {
    "a dead letter needs no second attempt": ("DeadLetter", "Refused", "Dead", "dead", 0),
    "a lost worker spends no attempt": ("Resume", "WorkerLost", "Retry", "ready", 1),
    "an interruption counts as a loss": ("Resume", "Interrupted", "Retry", "ready", 1),
    "a park waits": ("Park", "RateLimited", "Parked", "parked", 0),
}


@pytest.mark.parametrize(
    ("action", "kind", "outcome", "state", "losses"), ACTIONS.values(), ids=ACTIONS
)
async def test_actions(house, action, kind, outcome, state, losses):
    row = await house.pipeline()
    item = await house.submit(row)
    failure = make.failure(await house.lease(row), action, error_class=kind)
    [settled] = await house.gateway.fail([failure])
    assert settled.outcome == outcome
    [step] = (await house.gateway.run(house.tenant, item.id)).steps
    assert (step.state, step.losses) == (state, losses)
    if state == "ready":
        assert (await house.lease(row)).attempt == 1


async def test_a_dead_letter_does_not_say_that_it_waits(house):
    row = await house.pipeline(max_attempts=1, backoff_initial_seconds=8.0, backoff_max_seconds=9.0)
    item = await house.submit(row)
    await house.gateway.fail([make.failure(await house.lease(row))])
    (told,) = [json.loads(e.data) for e in await house.events(item) if e.type == "step.failed"]
    assert told == {
        "errorClass": "StepError",
        "message": "it broke",
        "attempt": 1,
        "action": "DeadLetter",
    }


async def test_a_release_spends_nothing_and_is_idempotent(house):
    row = await house.pipeline()
    item = await house.submit(row)
    lease = await house.lease(row)
    back = make.released(lease)
    for _ in range(2):
        [settled] = await house.gateway.release([back])
        assert (settled.outcome, settled.pool_ids) == ("Released", (await house.pool(row),))
    again = await house.lease(row)
    assert (again.task, again.fence, again.attempt) == (lease.task, 2, 1)
    [settled] = await house.gateway.release([make.released(lease)])
    assert settled.outcome == "Stale"
    assert (await house.happened(item)).count("step.released only") == 1


STALE = {
    "complete": lambda g, x: g.complete([make.completion(x)]),
    "fail": lambda g, x: g.fail([make.failure(x)]),
    "release": lambda g, x: g.release([make.released(x)]),
}


@pytest.mark.parametrize("verb", STALE.values(), ids=STALE)
async def test_a_zombie_is_refused_by_every_verb(house, verb):
    row = await house.pipeline()
    await house.submit(row)
    zombie = await house.lease(row)
    await house.gateway.release([make.released(zombie)])
    owner = await house.lease(row)
    [answer] = await verb(house.gateway, zombie)
    assert answer.outcome == "Stale"
    assert await house.gateway.heartbeat([held(zombie), held(owner)]) == ["Lost", "Held"]
    assert not await house.gateway.park(make.mark(zombie, 5.0))
    assert await house.gateway.lease_of_key(zombie.key_hash) is None
    assert (await house.gateway.lease_of_key(owner.key_hash)).fence == owner.fence


MARKED = {
    "complete": (lambda g, x: g.complete([make.completion(x)]), "Parked"),
    "fail": (lambda g, x: g.fail([make.failure(x, "DeadLetter")]), "Parked"),
    "release": (lambda g, x: g.release([make.released(x)]), "Parked"),
}


@pytest.mark.parametrize(("verb", "want"), MARKED.values(), ids=MARKED)
async def test_after_the_park_mark_whatever_happens_is_the_park(house, verb, want):
    row = await house.pipeline()
    item = await house.submit(row)
    lease = await house.lease(row)
    assert await house.gateway.park(make.mark(lease, 600.0))
    keyed = await house.gateway.lease_of_key(lease.key_hash)
    assert (keyed.park_reason, keyed.parked_until is not None) == ("RateLimited", True)
    [answer] = await verb(house.gateway, lease)
    assert answer.outcome == want
    assert await house.states(item) == {"only": "parked"}
    assert (await house.happened(item))[-1] == "step.parked only"
    [counts] = await house.gateway.counts([await house.pool(row)])
    assert (counts.runnable, counts.running, counts.parked) == (0, 0, 1)


async def test_three_parks_without_a_recorded_call_are_too_many(house, admin):
    row = await house.pipeline()
    item = await house.submit(row)
    for _n in range(3):
        lease = await house.lease(row)
        await house.gateway.park(make.mark(lease, 600.0))
        [done] = await house.gateway.complete([make.completion(lease)])
        assert done.outcome == "Parked", done.message
        await admin.execute(
            "UPDATE headrace.tasks SET ready_at = now() WHERE id = $1 AND state = 'parked'",
            lease.task,
        )
        await house.gateway.sweep()
    run = await house.gateway.run(house.tenant, item.id)
    assert (run.status, run.message.split(":")[0]) == (RunStatus.FAILED, "LimitTooSmall")


async def test_independent_steps_go_on_until_one_fails_the_run(house):
    row = await house.pipeline(make.edge("a"), make.edge("b"), max_attempts=1)
    item = await house.submit(row)
    a, b = await house.claim(row, 2)
    await house.gateway.fail([make.failure(a)])
    assert await house.gateway.heartbeat([held(b)]) == ["Cancelled"]
    [done] = await house.gateway.complete([make.completion(b)])
    assert done.outcome == "Stale"
    assert (await house.happened(item))[-1] == "run.finished"
