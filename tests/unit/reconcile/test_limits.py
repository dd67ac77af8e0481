"""Limits on their way into the ledger and back into the status, in a world in memory."""

from __future__ import annotations

from decimal import Decimal

import pytest

import make
from headrace_contract.reasons import Reason
from headrace_contract.resources.agent_pipeline import Backlog
from headrace_operator.apply.memory_ledger import Spent
from headrace_operator.errors import LedgerUnavailableError
from headrace_operator.model.counted import Cap, Counted
from headrace_operator.model.usage import Cooldown, Usage
from headrace_operator.reconcile import loops
from headrace_operator.reconcile.gather import gather_pipeline
from headrace_operator.reconcile.spend import look_at_costs
from worlds import PIPELINE, PROVIDER, TENANT, globe, settled

TPM = {"name": "tpm", "resource": "tokens", "limit": 1000, "window": "1m"}
OWNED = ("acme", "tenant")


async def limited():
    """Return a world whose tenant and provider have a limit each."""
    one = await settled()
    one.applies(make.tenant(limits=[TPM]))
    one.applies(make.provider(limits=[{**TPM, "limit": 5000}]))
    await one.settle()
    return one


async def counted(one):
    """Count, long after the last status was written."""
    one.seconds += 10
    await loops.count(one.world)
    await one.settle()


async def test_limits_reach_the_ledger_and_are_said_to_be_enforced_at_once():
    one = await limited()
    assert set(one.ledger.limit_sets) == {OWNED, ("_platform", "provider/acme")}
    assert one.conditions(TENANT)["LimitsEnforced"] == ("True", "LimitsEnforced")
    assert one.conditions(PROVIDER)["LimitsEnforced"] == ("True", "LimitsEnforced")
    assert [row["available"] for row in one.status(TENANT)["limits"]] == [1000]


async def test_the_limits_of_a_run_reach_the_ledger_before_the_pipeline_does():
    one = globe()
    one.applies(make.tenant())
    one.applies(make.provider())
    one.applies(make.pipeline(limits={"perRun": {"maxTokens": 5000}}))
    await one.settle()
    [uid] = one.ledger.pipeline_rows
    plan = one.ledger.limit_sets["acme", f"pipeline/{uid}"]
    assert [row.name for row in plan.limits] == ["perRun.maxTokens"]
    puts = [call for call in one.ledger.calls if call in {"put_limits", "put_pipeline"}]
    assert puts[-2:] == ["put_limits", "put_pipeline"]
    one.deletes(PIPELINE)
    await one.settle()
    assert one.ledger.limit_sets == {}


async def test_what_is_used_is_told_by_the_counting_loop():
    one = await limited()
    one.ledger.spent[*OWNED, "tpm"] = Spent(used=900, reserved=20)
    await counted(one)
    assert one.status(TENANT)["nearest"] == "tokens 1m 92 %"
    assert one.status(PROVIDER)["nearest"] == ""


async def test_what_has_not_changed_is_not_written():
    one = await limited()
    await counted(one)
    before = list(one.cluster.writes)
    await counted(one)
    assert one.cluster.writes == before


async def test_usage_alone_is_written_once_in_five_seconds():
    one = await limited()
    before = len(one.cluster.writes)
    one.seconds += 10
    for used in (1, 2, 3):
        one.ledger.spent[*OWNED, "tpm"] = Spent(used=used)
        await loops.count(one.world)
        await one.settle()
    assert len(one.cluster.writes) == before + 1
    assert TENANT in one.world.queue._timers


async def test_one_call_asks_for_all_providers_and_none_for_those_without_limits():
    one = await limited()
    one.applies(make.tenant("beta", namespaces=("team-b",)))
    one.applies(make.provider("other", limits=[TPM]))
    await one.settle()
    one.ledger.calls.clear()
    await loops.count(one.world)
    usages = ["usage"] * 2  # of 'acme' and of '_platform'
    assert one.ledger.calls == ["counts", *usages, "cooldowns"]


async def test_limits_that_somebody_removed_from_the_ledger_are_written_again():
    one = await limited()
    one.ledger.limit_sets.clear()
    await counted(one)
    assert set(one.ledger.limit_sets) == {OWNED, ("_platform", "provider/acme")}
    assert one.conditions(TENANT)["LimitsEnforced"] == ("True", "LimitsEnforced")


async def test_regression_12_limits_that_do_not_reach_the_ledger_are_visible():
    one = await limited()
    one.ledger.away = LedgerUnavailableError("away")
    one.applies(make.tenant(limits=[{**TPM, "limit": 500}]))
    await one.settle()
    assert one.conditions(TENANT)["LimitsEnforced"] == ("False", "LimitsNotInLedger")
    assert one.status(TENANT)["limits"][0]["limit"] == 1000
    one.ledger.away = None
    one.world.queue.add(TENANT)
    await one.settle()
    assert one.conditions(TENANT)["LimitsEnforced"] == ("True", "LimitsEnforced")
    assert one.status(TENANT)["limits"][0]["limit"] == 500


async def test_a_budget_runs_out_and_is_raised():
    one = await limited()
    one.applies(make.tenant(budgets=[{"name": "monthly", "amount": "10"}]))
    await one.settle()
    one.ledger.spent[*OWNED, "budget.monthly"] = Spent(used=10 * 10**9, waiting=3)
    await counted(one)
    assert one.conditions(TENANT)["WithinBudget"] == ("False", "BudgetExhausted")
    assert ("acme", "Warning", "BudgetExhausted") in one.said.words
    assert one.conditions(TENANT)["Ready"][0] == "True"

    one.ledger.spent[*OWNED, "budget.monthly"] = Spent(used=10 * 10**9)
    one.applies(make.tenant(budgets=[{"name": "monthly", "amount": "20"}]))
    await one.settle()
    assert one.conditions(TENANT)["WithinBudget"] == ("True", "WithinBudget")


async def test_limits_that_left_the_spec_leave_ledger_and_status():
    one = await limited()
    one.applies(make.tenant())
    one.applies(make.provider())
    await one.settle()
    assert one.ledger.limit_sets == {}
    assert one.status(TENANT)["limits"] == []
    one.ledger.calls.clear()
    await loops.count(one.world)
    assert one.ledger.calls == ["counts", "cooldowns"]


async def test_a_cooldown_comes_and_goes_in_the_status_of_its_provider():
    one = await limited()
    name = PROVIDER.name
    one.ledger.cooling = [Cooldown(name, make.NOW, "CircuitOpen"), Cooldown("gone", make.NOW, "")]
    await loops.count(one.world)
    await one.settle()
    assert "CoolingDown" in {each["type"] for each in one.status(PROVIDER)["conditions"]}
    assert one.status(PROVIDER)["cooldownUntil"]
    one.ledger.cooling = []
    await loops.count(one.world)
    await one.settle()
    assert "CoolingDown" not in {each["type"] for each in one.status(PROVIDER)["conditions"]}
    assert "cooldownUntil" not in one.status(PROVIDER)


async def test_what_a_provider_says_of_its_limits_stands_beside_what_is_declared():
    one = await limited()
    one.applies(make.provider(limits=[TPM], limitsFrom="ResponseHeaders"))
    learnt = usage_of(owner=f"learnt/{PROVIDER.name}", name="requests/small-1", used=30)
    one.ledger.learnt = [learnt, usage_of(owner="learnt/other")]
    await counted(one)
    status = one.status(PROVIDER)
    told = [(row["name"], row["limitsFrom"], row["used"]) for row in status["limits"]]
    assert told == [("tpm", "Static", 0), ("requests/small-1", "ResponseHeaders", 30)]
    assert status["nearest"] == "requests 1m 50 %"
    assert one.conditions(PROVIDER)["LimitsEnforced"] == ("True", "LimitsEnforced")
    one.ledger.learnt = []
    await counted(one)
    assert [row["name"] for row in one.status(PROVIDER)["limits"]] == ["tpm"]


async def test_of_pauses_that_of_the_whole_provider_is_told():
    one = await limited()
    name = PROVIDER.name
    later = make.NOW.replace(year=make.NOW.year + 1)
    one.ledger.cooling = [
        Cooldown(name, make.NOW, "RateLimited"),
        Cooldown(f"{name}/small-1", later, "ProviderExhausted"),
    ]
    await counted(one)
    assert one.conditions(PROVIDER)["CoolingDown"] == ("True", "RateLimited")
    del one.ledger.cooling[0]
    await counted(one)
    assert one.conditions(PROVIDER)["CoolingDown"] == ("True", "ProviderExhausted")


def usage_of(**changes):
    told = {"resource": "requests", "window": "1m", "capacity": 60, "used": 0, "reserved": 0}
    told |= {"name": "a", "shadowed": 0, "waiting": 0, "resets_at": None, "digest": ""}
    return Usage(**{**told, **changes})


async def test_what_the_month_costs_is_told_when_it_is_news():
    one = await limited()
    one.ledger.costs["acme"] = {"USD": Decimal("1.5")}
    one.seconds += 10
    await look_at_costs(one.world)
    await one.settle()
    [told] = one.status(TENANT)["costs"]
    assert (told["currency"], told["spent"]) == ("USD", "1.5")
    await look_at_costs(one.world)
    assert one.world.queue.idle()


@pytest.mark.parametrize("key", [TENANT, PROVIDER], ids=["tenant", "provider"])
async def test_limits_go_with_their_object(key):
    one = await limited()
    one.deletes(key)
    await one.settle()
    assert len(one.ledger.limit_sets) == 1
    entry = one.world.cache.entry(key)
    if entry is not None:  # its finalizer is off, and the watch says that it is gone
        one.world.cache.lost(key, entry.uid)
        one.world.queue.add(key)
        await one.settle()
    assert key not in one.world.board.usages


async def test_limits_are_no_news_to_pipelines():
    one = await limited()
    one.ledger.calls.clear()
    one.applies(make.tenant(limits=[{**TPM, "limit": 7}], weight=5))
    one.applies(make.provider())
    await one.settle()
    assert "put_pipeline" not in one.ledger.calls
    assert one.ledger.weights == {"acme": 5}


async def test_a_time_zone_that_is_none_is_refused_by_name():
    one = await settled()
    zoned = {**TPM, "window": "CalendarDay", "timeZone": "Europe/Atlantis"}
    one.applies(make.tenant(limits=[zoned]))
    await one.settle()
    [accepted] = [c for c in one.status(TENANT)["conditions"] if c["type"] == "Accepted"]
    assert (accepted["status"], accepted["reason"]) == ("False", "InvalidSpec")
    assert accepted["message"].startswith("`spec.limits[0].timeZone` must be an IANA time zone")


async def test_pools_that_a_limit_of_workers_holds_back_reach_the_next_pass():
    one = await limited()
    one.applies(make.pipeline())
    await one.settle()
    held_back = Cap("main", 9, 2, Reason.WORKERS_CAPPED, "the limit")
    one.ledger.counted = {("team-a", "essay"): Counted(Backlog(runnable=9), (held_back,))}
    await loops.count(one.world)
    assert one.world.queue.depth() == 1
    assert gather_pipeline(PIPELINE, one.world).caps == (held_back,)
