"""The fake sits the exam of limits, as the real ledger does in the integration ring."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

import make
from headrace_contract.reasons import Reason
from headrace_contract.resources.agent_pipeline import Backlog
from headrace_ledger.declared import LimitRow, LimitSet, PoolCounts
from headrace_ledger.usages import Usage as UsageRow
from headrace_operator.apply.ledger import LedgerRows
from headrace_operator.apply.testing import MemoryLedger
from headrace_operator.model.counted import Cap, Counted
from headrace_operator.model.identity import Identity
from headrace_operator.plan.prices import priced
from limits_exam import BUDGETS, LIMITS, LimitsExam, put


class TestMemoryLedger(LimitsExam):
    @pytest.fixture
    def rows(self):
        return MemoryLedger()

    @pytest.fixture
    def tenant(self):
        return make.parsed_tenant(make.tenant())


class Opened:
    """A client of the ledger that keeps what it is given."""

    def __init__(self):
        self.tenants, self.sets, self.providers, self.pools = [], [], [], []

    async def put_tenant(self, row):
        self.tenants.append(row)

    async def put_limits(self, limits):
        self.sets.append(limits)

    async def put_provider(self, row):
        self.providers.append(row)

    async def counts(self):
        if self.pools:
            return self.pools
        held_back = {"held": False, "workers_asked": 6, "workers_granted": 2}
        content = {"held": False, "workers_asked": 2, "workers_granted": 2}
        looked_at = {"held": False, "workers_asked": 1}
        return [
            PoolCounts("acme", 1, "a", "essay", "main", 9, 2, 0, 0, 0.0, **held_back),
            PoolCounts("acme", 2, "a", "essay", "side", 1, 1, 3, 0, 0.0, **content),
            PoolCounts("acme", 3, "a", "other", "main", 1, 0, 0, 4, 0.0, **looked_at),
        ]

    async def usage(self, tenant):
        at = datetime(2026, 2, 1, tzinfo=UTC)
        counts = {"capacity": 9, "used": 4, "reserved": 3, "shadowed": 2, "waiting": 1}
        where = {"tenant": tenant, "owner": "tenant", "name": "tpm", "resource": "tokens"}
        more = {"window": "1m", "enforced": True, "resets_at": at, "digest": "d"}
        return [UsageRow(**where, **counts, **more)]


@pytest.fixture
def opened():
    return Opened()


@pytest.fixture
def rows(opened):
    async def connect():
        return opened

    return LedgerRows(connect)


async def test_the_same_limits_are_written_once_until_they_are_forgotten(rows, opened):
    tenant = make.parsed_tenant(make.tenant())
    for _ in range(2):
        await put(rows, tenant, limits=LIMITS)
    assert len(opened.sets) == 1
    rows.forget(tenant.identity.uid)
    await put(rows, tenant, limits=LIMITS)
    assert len(opened.sets) == 2
    await put(rows, tenant)
    assert opened.sets[-1] == LimitSet("acme", "tenant", "", ())


async def test_limits_are_said_in_the_words_of_the_ledger(rows, opened):
    tenant = make.parsed_tenant(make.tenant())
    plan = await put(rows, tenant, limits=LIMITS[1:], budgets=BUDGETS, weight=5)
    [told] = opened.sets
    assert (told.tenant, told.owner, told.digest) == ("acme", "tenant", plan.digest)
    calls, money = told.limits
    assert calls == LimitRow(
        "at-once", "llmCalls", "None", 4, enforced=False, spec=plan.limits[0].spec
    )
    assert (money.resource, money.zone) == ("cost", "Europe/Berlin")
    assert opened.tenants[-1].weight == 5


async def test_counts_are_summed_by_pipeline_and_name_the_pools_that_are_held_back(rows):
    cap = Cap("main", 6, 2, Reason.WORKERS_CAPPED, "the tenant's limit of workers")
    assert await rows.counts() == {
        ("a", "essay"): Counted(Backlog(runnable=10, running=3, parked=3, dead=0), (cap,)),
        ("a", "other"): Counted(Backlog(runnable=1, dead=4)),
    }


CAPS = {
    "fed as much as it wants": ({"workers_fed": 5}, None),
    "fed less": ({"workers_fed": 1}, (1, Reason.CAPPED_BY_TOKEN_RATE)),
    "all providers are held": ({"workers_fed": 0}, (0, Reason.STOP_POLICY_HOLD)),
    "its tenant's share counts before": (
        {"workers_fed": 4, "workers_asked": 4, "workers_granted": 2},
        (2, Reason.WORKERS_CAPPED),
    ),
    "stopped by a person": ({"workers_fed": 1, "held": True}, None),
}


@pytest.mark.parametrize(("signal", "want"), CAPS.values(), ids=CAPS)
async def test_a_pool_is_held_back_by(rows, opened, signal, want):
    fields = {"held": False, "workers_wanted": 5, "workers_fed_by": "limit 'rpm'", **signal}
    one = PoolCounts("acme", 1, "a", "essay", "main", 9, 2, 0, 0, 0.0, **fields)
    opened.pools = [one]
    [counted] = (await rows.counts()).values()
    assert [(cap.granted, cap.reason) for cap in counted.caps] == ([want] if want else [])


async def test_usage_is_said_in_our_words(rows):
    [usage] = await rows.usage("acme")
    assert (usage.owner, usage.name, usage.window) == ("tenant", "tpm", "1m")
    assert (usage.used, usage.reserved, usage.available) == (4, 3, 2)
    assert (usage.shadowed, usage.waiting, usage.percent) == (2, 1, 77)


async def test_a_gateway_that_knows_no_limits_can_still_read_a_provider(rows, opened):
    raw = make.provider(limits=LIMITS)
    await rows.put_provider(Identity.of(raw), priced(make.parsed_provider(raw), make.NOW).offer)
    assert "limits" not in opened.providers[0].spec
