"""One poisonous item harms nobody else, for every verb."""

from __future__ import annotations

import dataclasses

import pytest
import pytest_asyncio

import ledger_rows as make
from headrace_ledger.records import HeldLease, Release

pytestmark = pytest.mark.postgres

POISON = "a poison that only SQL can taste"


@pytest_asyncio.fixture
async def poisoned(admin, house):
    """Rows of this tenant that carry the poison raise inside SQL, past every check at the edge."""
    name = house.tenant.replace("-", "_")
    await admin.execute(f"""
        CREATE FUNCTION public.{name}() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          IF NEW.tenant = '{house.tenant}' AND to_jsonb(NEW)::text LIKE '%{POISON}%' THEN
            RAISE EXCEPTION 'poisoned' USING ERRCODE = '22000';
          END IF;
          RETURN NEW;
        END $$""")
    for table in ("runs", "inputs", "outputs", "tasks"):
        await admin.execute(
            f"CREATE TRIGGER {name} BEFORE INSERT OR UPDATE ON headrace.{table} "
            f"FOR EACH ROW EXECUTE FUNCTION public.{name}()"
        )
    yield
    await admin.execute(f"DROP FUNCTION public.{name}() CASCADE")


async def other_house(house):
    name = make.fresh("tenant")
    await house.operator.put_tenant(make.tenant(name))
    return dataclasses.replace(house, tenant=name)


async def test_accept(house, poisoned):
    other = await other_house(house)
    row, theirs = await house.pipeline(), await other.pipeline()
    batch = [
        make.submit(row),
        make.submit(row, input=POISON),
        make.submit(theirs),
        make.submit(row),
    ]
    done = await house.gateway.accept(batch)
    assert [d.outcome for d in done] == ["Accepted", "Invalid", "Accepted", "Accepted"]
    assert await house.gateway.run(house.tenant, batch[1].id) is None


async def test_claim(house, poisoned):
    row = await house.pipeline()
    [await house.submit(row) for _ in range(2)]
    pool = await house.pool(row)
    wishes = [make.wish(house.tenant, pool, worker=w) for w in ("good", POISON, "fine")]
    leases = await house.gateway.claim(wishes)
    assert [len(x) for x in leases] == [1, 0, 1]


async def test_complete(house, poisoned):
    other = await other_house(house)
    row, theirs = await house.pipeline(), await other.pipeline()
    items = [await house.submit(row) for _ in range(3)]
    await other.submit(theirs)
    leases = [*await house.claim(row, 3), await other.lease(theirs)]
    batch = [make.completion(x, POISON if n == 1 else "1") for n, x in enumerate(leases)]
    done = await house.gateway.complete(batch)
    assert [d.outcome for d in done] == ["Done", "Invalid", "Done", "Done"]
    # under the same request ids: who asks again finds the same answers
    again = await house.gateway.complete(batch)
    assert [d.outcome for d in again] == ["Done", "Invalid", "Done", "Done"]
    by_run = {x.run: x for x in leases}
    assert await house.states(next(i for i in items if by_run[i.id] is leases[1])) == {
        "only": "leased"
    }


async def test_fail(house, poisoned):
    row = await house.pipeline()
    [await house.submit(row) for _ in range(3)]
    leases = await house.claim(row, 3)
    batch = [make.failure(x, message=POISON if n == 1 else "broke") for n, x in enumerate(leases)]
    assert [s.outcome for s in await house.gateway.fail(batch)] == ["Retry", "Stale", "Retry"]


async def test_release(house, poisoned):
    row = await house.pipeline()
    [await house.submit(row) for _ in range(3)]
    leases = await house.claim(row, 3)
    batch = [
        Release(x.tenant, x.task, x.fence, POISON if n == 1 else "fine", "worker-1")
        for n, x in enumerate(leases)
    ]
    assert [s.outcome for s in await house.gateway.release(batch)] == [
        "Released",
        "Stale",
        "Released",
    ]


async def test_heartbeat(house, poisoned, admin):
    row = await house.pipeline()
    [await house.submit(row) for _ in range(3)]
    leases = await house.claim(row, 3)
    # poison that is in the row already: any update of it raises
    await admin.execute("ALTER TABLE headrace.tasks DISABLE TRIGGER USER")
    await admin.execute(
        "UPDATE headrace.tasks SET message = $1 WHERE id = $2", POISON, leases[1].task
    )
    await admin.execute("ALTER TABLE headrace.tasks ENABLE TRIGGER USER")
    beats = await house.gateway.heartbeat([HeldLease(x.tenant, x.task, x.fence) for x in leases])
    assert beats == ["Held", "Lost", "Held"]


REFUSED_AT_THE_EDGE = {
    "NUL in the input": {"input": '"\0"'},
    "half a surrogate": {"input": '"\ud800"'},
    "a key that no index can hold": {"idempotency_key": "k" * 5000},
}


@pytest.mark.parametrize("changes", REFUSED_AT_THE_EDGE.values(), ids=REFUSED_AT_THE_EDGE)
async def test_what_could_raise_is_refused_at_the_edge(house, changes):
    row = await house.pipeline()
    bad, good = await house.gateway.accept([make.submit(row, **changes), make.submit(row)])
    assert (bad.outcome, good.outcome) == ("Invalid", "Accepted")


async def test_a_fence_beyond_the_type_is_stale_for_itself_alone(house):
    row = await house.pipeline()
    await house.submit(row)
    lease = await house.lease(row)
    done = await house.gateway.complete(
        [make.completion(dataclasses.replace(lease, fence=2**70)), make.completion(lease)]
    )
    assert [d.outcome for d in done] == ["Invalid", "Done"]
