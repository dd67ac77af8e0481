"""The whole way of a budget's webhook: the ledger's rows, a gateway, and a real https server."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from contextlib import asynccontextmanager, contextmanager
from decimal import Decimal
from ipaddress import ip_network
from itertools import count

import asyncpg
import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

import ledger_rows as rows
import make
from certificates import Authority
from gateway_calling import calling
from gateway_provider import text
from gateway_scene import scene, until
from headrace_gateway.identity.cluster import StaticSecrets
from headrace_gateway.options import Options
from headrace_gateway.webhooks.aiohttp_sender import AiohttpSender
from headrace_gateway.webhooks.destinations import Destinations
from headrace_gateway.webhooks.message import EXHAUSTED
from headrace_ledger.reservations import Draw
from headrace_operator.apply.rows import limit_set
from headrace_operator.plan.limits import tenant_limits
from webhook_receiver import receiving

pytestmark = pytest.mark.postgres

FAST = Options(sweep_seconds=0.05, webhook_seconds=0.05)
UNIT = 10**9
KEY = b"thirty-two bytes of the receiver"
SECRET = "whsec_" + base64.b64encode(KEY).decode()
LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("webhooks"))


@asynccontextmanager
async def telling(ledger_server, authority, *statuses, secret=SECRET, cidrs=LOOPBACK, **answer):
    """A tenant with a budget of 100 USD, and who is told what becomes of it."""
    async with receiving(authority.server("receiver"), *statuses, **answer) as receiver:
        with outside(authority, receiver, secret, cidrs) as how:
            async with scene(ledger_server, [], **how) as door:
                await declare(door, receiver.url)
                yield door, receiver


@contextmanager
def outside(authority, receiver, secret=SECRET, cidrs=LOOPBACK):
    """What a gateway needs to reach the receiver."""
    allowed = Destinations(cidrs=cidrs, ports=frozenset({receiver.port}))
    sender = AiohttpSender(allowed, authority.pair.certificate.read_text())
    secrets = StaticSecrets({("acme-hook", "signingKey"): SecretStr(secret)})
    try:
        yield {"options": FAST, "secrets": secrets, "sender": sender}
    finally:
        sender.close()


async def declare(door, url, **changes):
    """Declare it as the operator does, so that both read the same words."""
    hook = {"url": url, "secretRef": {"name": "acme-hook"}}
    budget = {"name": "month", "amount": "100", "softPercents": [50], "webhook": hook, **changes}
    tenant = make.parsed_tenant(make.tenant(door.names.tenant, budgets=[budget]))
    await door.operator.put_limits(limit_set(tenant_limits(tenant.identity, tenant.spec)))


async def spend(door, units):
    [limit] = [
        one.id
        for one in await door.ledger.limits_of(door.names.tenant)
        if one.tenant == door.names.tenant
    ]
    wish = rows.reserve(door.names.tenant, Draw(door.names.tenant, limit, "cost", units * UNIT))
    await door.ledger.reserve(wish)
    await door.ledger.settle(rows.settlement(wish, cost=Decimal(units)))


async def hurry(ledger_server, door):
    """Let what waits for its next try be due."""
    con = await asyncpg.connect(ledger_server.admin_url)
    try:
        await con.execute(
            "UPDATE headrace.deliveries SET next_at = now() WHERE tenant = $1 AND next_at > now()",
            door.names.tenant,
        )
    finally:
        await con.close()


async def row(ledger_server, door):
    con = await asyncpg.connect(ledger_server.admin_url)
    try:
        return await con.fetchrow(
            "SELECT * FROM headrace.deliveries WHERE tenant = $1", door.names.tenant
        )
    finally:
        await con.close()


def about(door, logs):
    """The lines of this tenant: a gateway delivers what other tests have left, too."""
    return [line for line in logs if line.get("tenant") == door.names.tenant]


def verified(heard, key=KEY):
    """Verify as a receiver does: by what came, and the key that both know."""
    said = heard.headers
    signed = f"{said['webhook-id']}.{said['webhook-timestamp']}.".encode() + heard.body
    want = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return said["webhook-signature"] == f"v1,{want}"


async def test_a_budget_tells_each_percent_and_its_end(ledger_server, authority):
    async with telling(ledger_server, authority) as (door, receiver):
        await spend(door, 60)
        await until(lambda: receiver.heard)
        await spend(door, 40)
        await until(lambda: len(receiver.heard) == 2)
        soft, end = receiver.heard
        assert verified(soft)
        assert verified(end)
        assert not verified(soft, b"some other key of the same length")
        assert soft.headers["content-type"] == "application/cloudevents+json; charset=utf-8"
        assert (soft.path, soft.asked_for) == ("/hook?token=of-the-address", "localhost")
        assert soft.headers["host"] == f"localhost:{receiver.port}"
        said = json.loads(soft.body)
        month_end = said["data"].pop("windowEnd")
        assert month_end.endswith("-01T00:00:00Z")
        assert said["time"] < month_end
        assert said | {"time": ""} == {
            "specversion": "1.0",
            "id": soft.headers["webhook-id"],
            "type": "dev.headrace.budget.soft-reached",
            "source": f"/tenants/{door.names.tenant}/budgets/month",
            "time": "",
            "datacontenttype": "application/json",
            "data": {
                "tenant": door.names.tenant,
                "budget": "month",
                "percent": 50,
                "amount": "100",
                "spent": "60",
                "currency": "USD",
            },
        }
        last = json.loads(end.body)
        assert last["type"] == "dev.headrace.budget.exhausted"
        assert (last["data"]["percent"], last["data"]["spent"]) == (100, "100")
        assert last["id"] != said["id"]


async def test_what_fails_is_told_again_under_the_same_id(ledger_server, authority):
    async with telling(ledger_server, authority, 500, text="an answer of theirs") as (
        door,
        receiver,
    ):
        with capture_logs() as logs:
            await spend(door, 60)
            await until(lambda: receiver.heard and about(door, logs))
        waits = await row(ledger_server, door)
        assert waits["next_at"] is not None
        await hurry(ledger_server, door)
        await until(lambda: len(receiver.heard) == 2)
        first, again = receiver.heard
        assert (first.body, first.headers["webhook-id"]) == (
            again.body,
            again.headers["webhook-id"],
        )
        assert verified(again)
        [line] = about(door, logs)
        assert line == {
            "event": "A webhook is tried again later.",
            "log_level": "warning",
            "tenant": door.names.tenant,
            "budget": "month",
            "tries": 1,
            "error": "The answer was 500.",
        }
        counted = 'headrace_webhook_tries_total{{outcome="{}"}} 1.0'
        metrics = door.app.world.metrics
        await until(lambda: counted.format("Delivered") in metrics.text().decode())
        assert counted.format("Rejected") in metrics.text().decode()


FAILURES = {
    "a redirect": (
        {"statuses": (307,), "headers": {"location": "https://localhost/elsewhere"}},
        "The answer was 307.",
    ),
    "an address that is not public": ({"cidrs": ()}, "is at a private or reserved address."),
    "a short key": ({"secret": "short"}, "Secret 'acme-hook' is no signing key"),
    "a broken key": ({"secret": "whsec_not base64 for sure!"}, "is no signing key"),
}


@pytest.mark.parametrize(("how", "error"), FAILURES.values(), ids=FAILURES)
async def test_a_webhook_is_not_told_for(ledger_server, authority, how, error):
    how = dict(how)
    statuses = how.pop("statuses", ())
    secret = how.get("secret", SECRET)
    with capture_logs() as logs:
        async with telling(ledger_server, authority, *statuses, **how) as (door, receiver):
            await spend(door, 60)
            await until(lambda: about(door, logs))
            kept = await row(ledger_server, door)
            assert (kept["tries"], kept["told_at"]) == (1, None)
            assert len(receiver.heard) == len(statuses)
    [line] = about(door, logs)
    assert error in line["error"]
    shown = json.dumps(logs) + repr(dict(kept))
    for kept_back in (secret, KEY.decode(), "127.0.0.1", "of-the-address"):
        assert kept_back not in shown


async def test_a_budget_that_refuses_is_at_its_end_when_it_has_refused_a_call(
    ledger_server, authority
):
    async with receiving(authority.server("receiver")) as receiver:
        with outside(authority, receiver) as how:
            async with calling(ledger_server, text(), **how) as (door, _, key):
                rejects = {"amount": "0.0007", "onHard": "Reject", "softPercents": []}
                await declare(door, receiver.url, **rejects)
                reason, seed = None, count()
                async with asyncio.timeout(10):
                    while reason != "BudgetExhausted":
                        answer = await door.chat(key, max_tokens=64, temperature=next(seed))
                        reason = answer.json().get("reason")
                await until(lambda: receiver.heard)
                end = json.loads(receiver.heard[0].body)
                assert end["type"] == EXHAUSTED
                assert Decimal(end["data"]["spent"]) < Decimal(end["data"]["amount"])
