"""Costs through the gateway: who sees whose, and how much."""

from __future__ import annotations

from decimal import Decimal

import asyncpg
import pytest

from gateway_provider import Provider, text
from gateway_scene import Callers, Names, listening, scene
from headrace_gateway.identity.caller import Caller
from headrace_ledger.costs import WorkersRow


@pytest.fixture
async def door(ledger_server):
    """A tenant whose pipeline has made one call, and callers of all kinds."""
    names = Names()
    read = frozenset({"read"})
    everything = read | {"submit", "operate", "work"}
    identity = Callers(
        {
            "dev-key": Caller("dev", names.tenant, everything, platform=True),
            "own": Caller("own", names.tenant, read),
            "submitter": Caller("s", names.tenant, frozenset({"submit"})),
            "stranger": Caller("x", "somebody-else", read),
            "nobody": Caller("n", None, read),
        }
    )
    provider = Provider(text())
    async with (
        listening(provider) as url,
        scene(ledger_server, [url], names=names, identity=identity) as made,
    ):
        await made.run_id()
        (made.lease,) = await made.claim("m-1")
        assert (await made.chat(made.key("m-1"))).status_code == 200
        yield made


async def ask(door, who, **params):
    headers = {"authorization": f"Bearer {who}"}
    return await door.http.get("/v1/cost", params=params, headers=headers)


def spent(door, key):
    return {
        "tenant": door.names.tenant,
        "key": key,
        "calls": 1,
        "inputTokens": 10,
        "cachedInputTokens": 0,
        "outputTokens": 4,
        "reasoningTokens": 0,
        "cost": "0.000044",
        "currency": "USD",
    }


async def test_a_tenant_sees_what_it_spent_by_each_key(door):
    keys = {
        "tenant": door.names.tenant,
        "pipeline": f"{door.names.namespace}/draft",
        "step": f"{door.names.namespace}/draft/{door.lease['step']}",
        "model": f"{door.names.provider}/tiny",
    }
    for by, key in keys.items():
        answer = await ask(door, "own", by=by)
        assert answer.status_code == 200, answer.text
        assert answer.json()["items"] == [spent(door, key)]
    assert (await ask(door, "own", since="2026-01-01", until="2026-01-02")).json()["items"] == []


async def test_the_platform_sees_one_tenant_or_all(door):
    one = (await ask(door, "dev-key", tenant=door.names.tenant)).json()["items"]
    assert one == [spent(door, door.names.tenant)]
    everybody = (await ask(door, "dev-key")).json()["items"]
    assert one[0] in everybody


REFUSED = {
    "another tenant's": ("stranger", lambda door: {"tenant": door.names.tenant}, 404),
    "a caller without a tenant": ("nobody", lambda _: {}, 404),
    "a caller that may only submit": ("submitter", lambda _: {}, 403),
    "an unknown key": ("own", lambda _: {"by": "moon"}, 400),
    "days that are none": ("own", lambda _: {"since": "7"}, 400),
    "a name that no tenant has": ("dev-key", lambda _: {"tenant": "a\x00b"}, 404),
}


@pytest.mark.parametrize(("who", "params", "status"), REFUSED.values(), ids=REFUSED)
async def test_costs_are_refused_to(door, who, params, status):
    answer = await ask(door, who, **params(door))
    assert answer.status_code == status, answer.text


async def test_a_stranger_sees_nothing(door):
    assert (await ask(door, "stranger")).json()["items"] == []


async def test_what_workers_cost_is_told_by_tenant_and_pipeline(door, ledger_server):
    rows = [WorkersRow(door.pipeline.uid, "main", 2, Decimal("0.36"))]
    admin = await asyncpg.connect(ledger_server.admin_url)
    for _ in range(2):
        await door.operator.count_workers(door.names.tenant, rows, "USD")
        await admin.execute(
            "UPDATE headrace.pools SET counted_at = counted_at - interval '50 s' WHERE tenant = $1",
            door.names.tenant,
        )
    await admin.close()
    for by, key in {
        "tenant": door.names.tenant,
        "pipeline": f"{door.names.namespace}/draft",
    }.items():
        [told] = (await ask(door, "own", by=by)).json()["workers"]
        assert (told["key"], told["currency"]) == (key, "USD")
        assert 0.027 < float(told["hours"]) < 0.05
        assert float(told["cost"]) == pytest.approx(0.36 * float(told["hours"]), rel=0.01)
    assert (await ask(door, "own", by="model")).json()["workers"] == []
    assert (await ask(door, "stranger", by="tenant")).json()["workers"] == []
