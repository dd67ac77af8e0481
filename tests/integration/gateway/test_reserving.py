"""Model calls under limits: reserved before they are made, settled after, parked when over."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from itertools import count

import asyncpg

import make
from gateway_calling import calling
from gateway_provider import FRAMES, Say, refuse, stream, text
from gateway_rows import provider_row
from gateway_scene import until
from headrace_contract.resources.agent_pipeline import AgentPipelineSpec
from headrace_gateway.options import Options
from headrace_ledger.declared import LimitRow, LimitSet
from headrace_operator.apply.rows import limit_set
from headrace_operator.plan.limits import pipeline_limits

SHORT = Options(short_wait_seconds=0.2, sweep_seconds=0.1)


async def declare(door, *rows, owner="tenant", tenant=None):
    limits = LimitSet(tenant or door.names.tenant, owner, "digest", rows)
    await door.operator.put_limits(limits)


async def usage(door, name):
    found = {one.name: one for one in await door.ledger.usage(door.names.tenant)}
    return found[name]


async def test_a_call_is_settled_at_what_the_provider_counted(ledger_server):
    async with calling(ledger_server, text()) as (door, provider, key):
        await declare(
            door,
            LimitRow("tpm", "tokens", "1m", 10_000),
            LimitRow("rpm", "requests", "1m", 10),
            LimitRow("at-once", "llmCalls", "None", 2),
            LimitRow("month", "cost", "CalendarMonth", 10**9, spec='{"currency": "USD"}'),
        )
        answer = await door.chat(key)
        assert answer.status_code == 200, answer.text
        want = {"tpm": 14, "rpm": 1, "at-once": 0, "month": 44_000}
        for name, used in want.items():
            found = await usage(door, name)
            assert (name, found.used, found.reserved) == (name, used, 0)
        # A limit that counts the answer bounds it: at what the step's spec allows.
        assert provider.asked[0]["max_tokens"] == 64


async def test_over_a_limit_the_step_is_parked_whatever_it_does_and_comes_back(ledger_server):
    async with calling(ledger_server, text(), options=SHORT) as (door, provider, key):
        await declare(door, LimitRow("rpm", "requests", "1h", 1))
        assert (await door.chat(key)).status_code == 200
        answer = await door.chat(key, temperature=1)
        said = answer.json()
        assert (answer.status_code, said["reason"]) == (429, "WaitingForRequests")
        assert datetime.fromisoformat(said["resumesAt"]).tzinfo is not None
        assert answer.headers["x-should-retry"] == "false"
        done = await door.complete(door.lease, "whatever", "c-1")
        assert done["outcome"] == "Parked"
        assert len(provider.asked) == 1
        await declare(door, LimitRow("rpm", "requests", "1h", 2))
        (lease,) = await door.claim("m-2", wait=10)  # woken by what was raised
        assert (lease["task"], lease["attempt"]) == (door.lease["task"], 1)


async def test_a_short_wait_is_waited_out_at_the_door(ledger_server):
    async with calling(ledger_server, text()) as (door, provider, key):
        await declare(door, LimitRow("rps", "requests", "1s", 1))
        for n in range(2):
            assert (await door.chat(key, temperature=n)).status_code == 200
        assert len(provider.asked) == 2


async def test_regression_08_a_call_larger_than_its_limit_fails_at_once(ledger_server):
    async with calling(ledger_server, text()) as (door, provider, key):
        await declare(door, LimitRow("tpm", "tokens", "1m", 50))
        answer = await door.chat(key, max_tokens=1000)
        said = answer.json()
        assert (answer.status_code, said["reason"]) == (403, "LimitTooSmall")
        assert "limit 'tpm' of tenant (tokens) is 50" in said["title"]
        assert provider.asked == []


async def test_a_budget_reserves_the_most_that_a_call_can_cost(ledger_server):
    async with calling(ledger_server, text()) as (door, provider, key):
        spec = '{"currency": "USD", "onExceed": "Reject"}'
        row = LimitRow("budget.day", "cost", "CalendarDay", 300_000, spec=spec)
        await declare(door, row)
        # 64 tokens of answer at 6 USD and each byte of the request at 2 USD a million
        answer = await door.chat(key, max_tokens=64)
        assert answer.json()["reason"] == "LimitTooSmall"
        assert answer.json()["title"].endswith(
            " USD, the whole budget 'day' of tenant is 0.0003 USD."
        )
        await declare(door, replace(row, capacity=700_000))
        async with asyncio.timeout(5):
            while (answer := await door.chat(key, max_tokens=64)).status_code != 200:  # noqa: ASYNC110 -- in force within a second
                await asyncio.sleep(0.05)
        assert Decimal(answer.headers["x-headrace-cost"]) == Decimal("0.000044")
        for n in range(40):
            answer = await door.chat(key, max_tokens=64, temperature=n)
            if answer.status_code != 200:
                break
        assert answer.json()["reason"] == "BudgetExhausted"
        assert answer.json()["title"].startswith("The budget 'day' of tenant is used up")
        found = await usage(door, "budget.day")
        assert found.used + found.reserved <= found.capacity
        assert len(provider.asked) == found.used // 44_000


async def test_regression_09_an_aborted_stream_is_settled_at_what_was_received(ledger_server):
    hold = asyncio.Event()
    long = stream(FRAMES[0].replace(b"Hel", b"word " * 40), *FRAMES[1:], hold=hold)
    async with calling(ledger_server, long) as (door, provider, key):
        await declare(door, LimitRow("tpm", "tokens", "1h", 100_000))
        body = {"model": "small", "messages": [], "stream": True}
        headers = {"authorization": f"Bearer {key}"}
        async with door.http.stream(
            "POST", "/v1/chat/completions", json=body, headers=headers
        ) as answer:
            await anext(answer.aiter_raw())
        await until(provider.closed.is_set)
        async with asyncio.timeout(5):
            while (await usage(door, "tpm")).reserved:  # noqa: ASYNC110 -- settled after the answer
                await asyncio.sleep(0.02)
        used = (await usage(door, "tpm")).used
        assert 50 <= used < 100
        spent = (await door.run(door.lease["run"]))["usage"]
        assert spent["outputTokens"] == 50
        assert spent["inputTokens"] + spent["outputTokens"] == used
    con = await asyncpg.connect(ledger_server.admin_url)
    assert await con.fetchval(
        "SELECT estimated FROM headrace.calls WHERE run = $1", door.lease["run"]
    )
    await con.close()


async def test_a_provider_that_asks_for_a_pause_is_asked_by_nobody(ledger_server):
    limited = refuse(429, retry_after="30")
    async with calling(ledger_server, limited, options=SHORT) as (door, provider, key):
        await door.run_id()
        (other,) = await door.claim("m-2")
        assert (await door.chat(key)).status_code == 429
        answer = await door.chat(door.key("m-2"))
        assert (answer.status_code, answer.json()["reason"]) == (429, "CoolingDown")
        assert len(provider.asked) == 1
        assert other["task"] != door.lease["task"]


async def test_a_provider_that_fails_is_left_alone_and_tried_again(ledger_server):
    script = (refuse(503), refuse(503), text())
    breaks = {"circuitBreaker": {"consecutiveFailures": 2, "openFor": "1s"}}
    async with calling(ledger_server, *script, spec=breaks, options=SHORT) as (door, one, key):
        for n in range(2):
            assert (await door.chat(key, temperature=n)).status_code == 502
        answer = await door.chat(key, temperature=2)
        assert (answer.status_code, answer.json()["reason"]) == (429, "CircuitOpen")
        assert len(one.asked) == 2
        await door.complete(door.lease, "whatever", "c-1")
        await door.claim("m-2", wait=10)  # when it is tried again
        assert (await door.chat(door.key("m-2"))).status_code == 200
        assert len(one.asked) == 3


async def test_a_failed_call_uses_a_request_and_no_tokens(ledger_server):
    async with calling(ledger_server, refuse(500)) as (door, _, key):
        await declare(
            door, LimitRow("tpm", "tokens", "1m", 9999), LimitRow("rpm", "requests", "1m", 9)
        )
        assert (await door.chat(key)).status_code == 502
        assert ((await usage(door, "tpm")).used, (await usage(door, "tpm")).reserved) == (0, 0)
        assert (await usage(door, "rpm")).used >= 1


async def test_a_call_that_is_cut_before_its_answer_has_used_its_prompt(ledger_server):
    silent = Say(pieces=[30.0])
    slow = {"timeouts": {"connect": "1s", "firstByte": "1s", "total": "20s"}}
    async with calling(ledger_server, silent, spec=slow) as (door, _, key):
        await declare(door, LimitRow("tpm", "tokens", "1m", 9999))
        assert (await door.chat(key)).status_code == 504
        found = await usage(door, "tpm")
        assert 0 < found.used < 64  # of the prompt, and nothing of the answer
        assert found.reserved == 0


async def test_a_limit_per_run_ends_the_run_that_used_it_up(ledger_server):
    async with calling(ledger_server, text()) as (door, _, key):
        owner = f"pipeline/{door.pipeline.uid}"
        await declare(door, LimitRow("maxLLMCalls", "llmCalls", "Run", 1), owner=owner)
        assert (await door.chat(key)).status_code == 200
        answer = await door.chat(key, temperature=1)
        assert (answer.status_code, answer.json()["reason"]) == (403, "RunLimitExceeded")
        await door.run_id()
        await door.claim("m-2")
        assert (await door.chat(door.key("m-2"))).status_code == 200  # another run has its own


def of_step(door, **limits):
    """Plan the limits of a pipeline whose first step has these, as the operator does."""
    step = {"name": "outline", "type": "LLM", "limits": limits}
    step["llm"] = {"class": "small", "prompt": "{{ input.topic }}"}
    other = {"name": "write", "type": "Python", "dependsOn": ["outline"]}
    other["python"] = {"function": "m:f"}
    spec = AgentPipelineSpec.model_validate(make.pipeline_spec(steps=[step, other]))
    return limit_set(pipeline_limits(door.pipeline.uid, door.names.tenant, spec))


async def test_a_limit_of_a_step_ends_it_by_name_and_leaves_the_next_one_alone(ledger_server):
    async with calling(ledger_server, text()) as (door, provider, key):
        await door.operator.put_limits(of_step(door, maxLLMCalls=1))
        assert (await door.chat(key)).status_code == 200
        answer = await door.chat(key, temperature=1)
        assert (answer.status_code, answer.json()["reason"]) == (403, "RunLimitExceeded")
        assert "limit 'steps.outline.maxLLMCalls' of pipeline" in answer.json()["title"]
        assert len(provider.asked) == 1
        done = await door.complete(door.lease, {"title": "x"}, "c-1")
        assert done["outcome"] == "Done"
        (lease,) = await door.claim("m-2", wait=5)
        assert (lease["step"], lease["run"]) == ("write", door.lease["run"])
        for n in range(2):
            assert (await door.chat(door.key("m-2"), temperature=n)).status_code == 200
    con = await asyncpg.connect(ledger_server.admin_url)
    subjects = "SELECT subject FROM headrace.buckets WHERE tenant = $1"
    # Of the run, so that the bucket goes when the run does.
    assert [str(row[0]) for row in await con.fetch(subjects, door.names.tenant)] == [lease["run"]]
    await con.close()


async def test_a_step_makes_only_so_many_calls_at_once_over_all_runs(ledger_server):
    hold = asyncio.Event()
    slow = stream(*FRAMES, hold=hold)
    async with calling(ledger_server, slow, options=SHORT) as (door, provider, key):
        await door.operator.put_limits(of_step(door, maxConcurrentLLMCalls=1))
        await door.run_id()
        (second,) = await door.claim("m-2")
        first = asyncio.ensure_future(door.chat(key, stream=True))
        await until(lambda: provider.asked)
        answer = await door.chat(door.key("m-2"))
        assert (answer.status_code, answer.json()["reason"]) == (429, "WaitingForConcurrency")
        assert len(provider.asked) == 1
        assert (await door.complete(second, "whatever", "c-1"))["outcome"] == "Parked"
        hold.set()
        assert (await first).status_code == 200
        (again,) = await door.claim("m-3", wait=10)  # let go by the place that came back
        assert (again["task"], again["attempt"]) == (second["task"], 1)


async def test_a_limit_in_shadow_mode_lets_everything_pass_and_says_so(ledger_server):
    async with calling(ledger_server, text()) as (door, _, key):
        await declare(door, LimitRow("rpm", "requests", "1m", 1, enforced=False))
        for n in range(3):
            assert (await door.chat(key, temperature=n)).status_code == 200
        found = await usage(door, "rpm")
        assert (found.used, found.shadowed) == (3, 2)
        metrics = door.app.world.metrics.text().decode()
        assert 'headrace_limited_calls_total{mode="Shadow",resource="requests"} 2.0' in metrics


async def test_a_limit_speaks_only_about_what_it_selects(ledger_server):
    async with calling(ledger_server, text()) as (door, _, key):
        other = json.dumps({"models": ["another"]})
        mine = json.dumps({"classes": ["small"], "providers": [door.names.provider]})
        await declare(
            door,
            LimitRow("other", "requests", "1m", 1, spec=other),
            LimitRow("mine", "requests", "1m", 9, spec=mine),
        )
        for n in range(2):
            assert (await door.chat(key, temperature=n)).status_code == 200
        assert ((await usage(door, "other")).used, (await usage(door, "mine")).used) == (0, 2)


async def test_a_held_provider_is_not_called_and_its_steps_wait(ledger_server):
    held = {"spec": {"stopPolicy": "Hold"}}
    async with calling(ledger_server, text(), options=SHORT, **held) as (door, provider, key):
        answer = await door.chat(key)
        assert (answer.status_code, answer.json()["reason"]) == (429, "ProviderHeld")
        assert (await door.complete(door.lease, "x", "c-1"))["outcome"] == "Parked"
        assert provider.asked == []


async def test_a_provider_is_held_within_five_seconds(ledger_server):
    async with calling(ledger_server, text(), options=SHORT) as (door, _, key):
        assert (await door.chat(key)).status_code == 200
        row = provider_row(door.names.provider, "http://127.0.0.1:9", "tiny", stopPolicy="Hold")
        await door.operator.put_provider(row)
        async with asyncio.timeout(5):
            for n in count(1):
                if (await door.chat(key, temperature=n)).status_code != 200:
                    break
                await asyncio.sleep(0.1)
        assert (await door.chat(key)).json()["reason"] == "ProviderHeld"
