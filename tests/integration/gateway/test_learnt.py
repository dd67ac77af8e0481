"""A provider that says itself what is left (`limitsFrom: ResponseHeaders`), and two gateways."""

from __future__ import annotations

from contextlib import asynccontextmanager

from gateway_calling import calling
from gateway_provider import Provider, Say, text
from gateway_scene import listening, scene
from headrace_gateway.options import Options

SHORT = Options(short_wait_seconds=0.2, sweep_seconds=0.1)
LEARNS = {"limitsFrom": "ResponseHeaders"}


def saying(status=200, **headers):
    said = {f"x-ratelimit-{name.replace('_', '-')}": value for name, value in headers.items()}
    return Say(status, said, text().pieces)


NOTHING_LEFT = saying(limit_requests="60", remaining_requests="0", reset_requests="2s")


async def forget(door):
    """Leave no limit of all tenants to tests that look for their own alone."""
    for name in (door.names.provider, door.names.fallback):
        await door.operator.delete_provider(name, f"uid-{name}")


@asynccontextmanager
async def two_gateways(ledger_server, provider, **spec):
    """Serve one pipeline by two gateways, each with a step that is claimed there."""
    how = {"spec": spec, "options": SHORT}
    async with (
        listening(provider) as url,
        scene(ledger_server, [url], **how) as one,
        scene(ledger_server, [url], names=one.names, **how) as two,
    ):
        for door, machine in ((one, "m-1"), (two, "m-2")):
            await door.run_id()
            (door.lease,) = await door.claim(machine)
        yield one, two
        await forget(one)


async def test_nobody_calls_a_model_of_which_nothing_is_left_until_its_reset(ledger_server):
    provider = Provider(NOTHING_LEFT, text())
    async with two_gateways(ledger_server, provider, **LEARNS) as (one, two):
        assert (await one.chat(one.key("m-1"))).status_code == 200
        for door, machine in ((one, "m-1"), (two, "m-2")):
            answer = await door.chat(door.key(machine), temperature=1)
            assert (answer.status_code, answer.json()["reason"]) == (429, "ProviderExhausted")
        assert len(provider.asked) == 1
        done = await two.complete(two.lease, "whatever", "c-1")
        assert done["outcome"] == "Parked"
        (lease,) = await two.claim("m-2", wait=10)  # when it is reset
        assert (lease["task"], lease["attempt"]) == (two.lease["task"], 1)
        assert (await two.chat(two.key("m-2"), temperature=1)).status_code == 200
        assert len(provider.asked) == 2


async def test_what_the_provider_says_it_allows_is_a_limit_in_every_gateway(ledger_server):
    said = saying(limit_requests="2", remaining_requests="1", reset_requests="30s")
    provider = Provider(said)
    async with two_gateways(ledger_server, provider, **LEARNS) as (one, two):
        assert (await one.chat(one.key("m-1"))).status_code == 200  # before anything was learnt
        for n in range(2):
            assert (await two.chat(two.key("m-2"), temperature=n)).status_code == 200
        answer = await two.chat(two.key("m-2"), temperature=9)
        assert (answer.status_code, answer.json()["reason"]) == (429, "WaitingForRequests")
        assert len(provider.asked) == 3


async def test_a_call_larger_than_what_was_learnt_is_the_providers_to_refuse(ledger_server):
    small = saying(limit_tokens="50", remaining_tokens="50", reset_tokens="0s")
    how = {"spec": LEARNS, "options": SHORT}
    async with calling(ledger_server, small, **how) as (door, provider, key):
        assert (await door.chat(key)).status_code == 200
        assert (await door.chat(key, max_tokens=1000)).status_code in (200, 429)
        assert "max_tokens" not in provider.asked[0]  # nothing that was learnt bounds an answer
        await forget(door)


async def test_headers_of_a_static_provider_mean_nothing(ledger_server):
    async with calling(ledger_server, NOTHING_LEFT, options=SHORT) as (door, provider, key):
        for n in range(2):
            assert (await door.chat(key, temperature=n)).status_code == 200
        assert len(provider.asked) == 2
