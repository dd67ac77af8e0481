"""One tenant of 100,000 runs costs another nothing: no verb touches more, and no turn is missed."""

from __future__ import annotations

import statistics
from collections import defaultdict

import pytest
import pytest_asyncio

import ledger_rows as make
from headrace_ledger.client import Ledger
from headrace_ledger.declared import LimitRow
from headrace_ledger.embedded import EmbeddedLedger
from headrace_ledger.reservations import Draw

pytestmark = pytest.mark.postgres

FEW, MANY = 2_000, 100_000
TURNS = 7
TOUCHED = """
SELECT sum(coalesce(hits, 0) + coalesce(reads, 0))::bigint
FROM pg_stat_get_backend_io($1) WHERE object = 'relation'
"""


@pytest.fixture
def ledger_server():
    """Give a server of its own, where nobody else's rows are counted."""
    with EmbeddedLedger() as server:
        yield server


@pytest_asyncio.fixture
async def lone(ledger_server):
    """A gateway of one connection, whose pages can be counted."""
    ledger = await Ledger.connect(ledger_server.gateway_url, role="gateway", min_size=1, max_size=1)
    yield ledger
    await ledger.close()


class Pages:
    """Counts the pages that verbs touch."""

    def __init__(self, lone, admin):
        self._pool = lone._caller.pool
        self._admin = admin
        self.by_verb = defaultdict(list)

    async def _so_far(self):
        pid = await self._pool.fetchval("SELECT pg_backend_pid() FROM pg_stat_force_next_flush()")
        return await self._admin.fetchval(TOUCHED, pid)

    async def of(self, verb, doing):
        before = await self._so_far()
        done = await doing
        self.by_verb[verb].append(await self._so_far() - before)
        return done

    def medians(self):
        return {verb: statistics.median(each) for verb, each in self.by_verb.items()}


async def quiet_turn(house, row, pool, draw, pages):
    """Take a run from its submit to its end, with a model call; look how things stand."""
    ledger, item = house.gateway, make.submit(row)
    await pages.of("accept", ledger.accept([item]))
    [[lease]] = await pages.of("claim", ledger.claim([make.wish(house.tenant, pool)]))
    wish = make.reserve(house.tenant, draw, run=lease.run, task=lease.task)
    [said] = await pages.of("reserve", ledger.reserve_many([wish]))
    assert said.outcome == "Reserved"
    await pages.of("settle", ledger.settle_many([make.settlement(wish)]))
    [done] = await pages.of("complete", ledger.complete([make.completion(lease)]))
    assert (done.outcome, lease.run) == ("Done", item.id)
    await pages.of("run", ledger.run(house.tenant, item.id))
    await pages.of("usage", ledger.usage(house.tenant))
    await pages.of("scale signal", ledger.counts([pool]))


async def turns(house, row, pool, draw, lone, admin):
    pages = Pages(lone, admin)
    mine = type(house)(house.tenant, lone, house.operator)
    for _ in range(TURNS):
        await quiet_turn(mine, row, pool, draw, pages)
    return pages.medians()


async def queue(other, row, limit, runs):
    """Queue so many runs more, and park one in twenty at the limit that both tenants share."""
    for _ in range(runs // 500):
        await other.gateway.accept([make.submit(row) for _ in range(500)])
    for _ in range(runs // 2000):
        leases = await other.claim(row, 100)
        for lease in leases:
            await other.gateway.park(make.mark(lease, 600, limit_id=limit, amount=1))
        await other.gateway.fail([make.failure(lease) for lease in leases])


async def test_a_tenant_of_100_000_runs_makes_no_verb_of_another_touch_more(
    house, lone, admin, operator
):
    shared = LimitRow("rpm", "requests", "1d", 10**9)
    await operator.put_limits(make.limits("_platform", shared, owner="provider/p"))
    [limit] = await house.gateway.limits_of(house.tenant)
    draw = Draw("_platform", limit.id, "requests", 1)
    row = await house.pipeline()
    pool = await house.pool(row)
    other = type(house)(make.fresh("noisy"), house.gateway, house.operator)
    await operator.put_tenant(make.tenant(other.tenant))
    crowd = await other.pipeline()
    found = []
    for runs in (FEW, MANY - FEW):
        await queue(other, crowd, limit.id, runs)
        await admin.execute("ANALYZE")
        await turns(house, row, pool, draw, lone, admin)  # plans are made anew
        found.append(await turns(house, row, pool, draw, lone, admin))
    signal = {one.namespace: one for one in await house.gateway.counts()}
    assert signal[crowd.namespace].runnable + signal[crowd.namespace].parked == MANY
    assert signal[row.namespace].runnable == 0
    before, after = found
    for verb, pages in before.items():
        print(f"pages that {verb} touches: {pages:g} beside {FEW} runs, {after[verb]:g} of {MANY}")
        assert after[verb] <= 1.5 * pages + 10, verb  # indexes grow by a level


ROOM = 100
PARK = """
WITH parked AS (
  UPDATE headrace.tasks SET state = 'parked', park_limit = $2, park_amount = 1
  WHERE tenant = $1 AND state = 'ready' RETURNING pool
), counted AS (SELECT pool, count(*) AS n FROM parked GROUP BY pool)
UPDATE headrace.pool_counts c SET ready = c.ready - d.n, parked = c.parked + d.n
FROM counted d WHERE c.tenant = $1 AND c.pool = d.pool AND c.shard = 0
"""


async def test_a_tenant_with_one_step_is_claimed_and_let_go_beside_a_backlog(
    house, admin, operator
):
    shared = LimitRow("rpm", "requests", "1d", ROOM)
    await operator.put_limits(make.limits("_platform", shared, owner="provider/p"))
    [limit] = await house.gateway.limits_of(house.tenant)
    other = type(house)(make.fresh("noisy"), house.gateway, house.operator)
    await operator.put_tenant(make.tenant(other.tenant))
    crowd, row = await other.pipeline(), await house.pipeline()
    await queue(other, crowd, limit.id, FEW)
    run = await house.submit(row)

    theirs, mine = await other.pool(crowd), await house.pool(row)
    wishes = [make.wish(other.tenant, theirs, 10, worker=f"noisy-{n}") for n in range(9)]
    wishes.append(make.wish(house.tenant, mine, worker="quiet"))
    claimed = await house.gateway.claim(wishes)
    assert [len(leases) for leases in claimed] == [10] * 9 + [1]
    [lease] = claimed[-1]
    assert lease.run == run.id

    await admin.execute(PARK, other.tenant, limit.id)
    await house.gateway.park(make.mark(lease, 600, limit_id=limit.id, amount=1))
    await house.gateway.fail([make.failure(lease)])
    assert await house.states(run) == {"only": "parked"}
    await house.gateway.sweep()
    assert await house.states(run) == {"only": "ready"}
    [counts] = await house.gateway.counts([theirs])
    assert 0 < counts.let_go < ROOM
