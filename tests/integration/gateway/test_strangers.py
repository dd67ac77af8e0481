"""A worker's token opens its own pipeline and nothing else, verb by verb."""

from __future__ import annotations

import pytest

from gateway_rows import row
from gateway_scene import Callers, Names, compiled, key_of, scene
from headrace_gateway.identity.caller import Caller
from headrace_gateway.models.watch import Live

ALL = frozenset({"submit", "read", "operate", "work"})
WORK = frozenset({"work"})


@pytest.fixture
async def door(ledger_server):
    """Two pipelines of one tenant, and a worker of each."""
    names = Names()
    identity = Callers(
        {
            "dev-key": Caller("dev", names.tenant, ALL, platform=True),
            "stranger": Caller("x", "somebody-else", ALL),
            "reader": Caller("r", names.tenant, frozenset({"read"})),
        }
    )
    async with scene(ledger_server, [], names=names, identity=identity) as made:
        other = compiled(names, name="other", uid=f"other-{names.tenant}")
        await made.operator.put_pipeline(row(other, service_account_uid="sa-2"))
        pools = await made.ledger.pools()
        for who, uid in (("its own", made.pipeline.uid), ("another's", other.uid)):
            [pipeline] = {pool.pipeline_id for pool in pools if pool.pipeline_uid == uid}
            identity.callers[who] = Caller(who, names.tenant, WORK, pipeline=pipeline)
        yield made


def as_(who: str) -> dict[str, str]:
    return {"authorization": f"Bearer {who}"}


WORKERS = {"its own worker": ("its own", 200), "another pipeline's": ("another's", 404)}
WORKERS |= {"a stranger": ("stranger", 404), "a client": ("reader", 403)}


@pytest.mark.parametrize(("who", "status"), WORKERS.values(), ids=WORKERS)
async def test_a_pool_gives_work_to(door, who, status):
    answer = await door.http.post("/v1/work/claim", json=door.wish("c-1"), headers=as_(who))
    assert answer.status_code == status


VERBS = {
    "heartbeat": ("leases", {}, "Lost", "Held"),
    "complete": ("items", {"output": "forged"}, "Stale", "Done"),
    "fail": ("items", {"errorClass": "StepError"}, "Stale", "Retry"),
    "release": ("items", {}, "Stale", "Released"),
}


@pytest.mark.parametrize(("verb", "told"), VERBS.items(), ids=VERBS)
async def test_a_lease_answers_its_own_worker_only(door, verb, told):
    where, more, refused, done = told
    await door.run_id()
    [lease] = await door.claim("c-1")
    for who, want in (("another's", refused), ("its own", done)):
        item = {"task": lease["task"], "fence": lease["fence"], **more}
        body = {"worker": "worker-1", "requestId": who, where: [item]}
        if verb == "heartbeat":
            del body["requestId"]
        answer = await door.http.post(f"/v1/work/{verb}", json=body, headers=as_(who))
        assert answer.json()[where][0]["outcome"] == want


@pytest.mark.parametrize("verb", VERBS)
async def test_nobody_else_ends_the_model_calls_of_a_step(door, verb):
    where, more, _, _ = VERBS[verb]
    await door.run_id()
    [lease] = await door.claim("c-1")
    held = await door.ledger.lease_of_key(bytes.fromhex(key_of(door.slot("c-1"))[1]))
    live = Live()
    with door.app.world.calls.watched(live, held):
        item = {"task": lease["task"], "fence": 10**6, **more}
        body = {"worker": "worker-1", "requestId": "x", where: [item]}
        if verb == "heartbeat":
            del body["requestId"]
        for who in ("another's", "its own"):
            await door.http.post(f"/v1/work/{verb}", json=body, headers=as_(who))
            assert live._cut is None


async def test_progress_of_another_pipelines_step_is_dropped(door):
    run = await door.run_id()
    [lease] = await door.claim("c-1")
    known = door.app.world.deltas
    heard: list[str] = []
    known.add = lambda _run, _step, text, _kind: heard.append(text)
    body = {"task": lease["task"], "fence": lease["fence"]}
    for who in ("another's", "its own"):
        told = {**body, "text": who}
        answer = await door.http.post("/v1/work/progress", json=told, headers=as_(who))
        assert answer.status_code == 204
    assert heard == ["its own"], run
