"""Limits on the real ledger: reserve and settle, exact under races, nothing leaked by a death."""

from __future__ import annotations

import asyncio
import dataclasses
from datetime import UTC, datetime
from decimal import Decimal

import pytest

import ledger_rows as make
from headrace_ledger.client import Ledger
from headrace_ledger.cooldowns import CIRCUIT_OPEN
from headrace_ledger.declared import LimitRow, ProviderRow
from headrace_ledger.reservations import Draw, ReserveOutcome

pytestmark = pytest.mark.postgres

RESERVED, BLOCKED = ReserveOutcome.RESERVED, ReserveOutcome.BLOCKED


def draw(house, limit, amount, resource="tokens", **changes):
    return dataclasses.replace(Draw(house.tenant, limit, resource, amount), **changes)


async def used(house, name):
    [found] = [one for one in await house.gateway.usage(house.tenant) if one.name == name]
    return found.used, found.reserved


async def test_a_call_is_reserved_at_its_estimate_and_settled_at_its_use(house):
    ids = await house.declare(LimitRow("tpm", "tokens", "1m", 1000))
    wish = make.reserve(house.tenant, draw(house, ids["tpm"], 700))
    assert (await house.gateway.reserve(wish)).outcome == RESERVED
    assert await used(house, "tpm") == (0, 700)
    await house.gateway.settle(make.settlement(wish, 150, input_tokens=50))
    assert await used(house, "tpm") == (200, 0)
    await house.gateway.settle(make.settlement(wish, 999))  # again: it is settled already
    assert await used(house, "tpm") == (200, 0)


async def test_over_a_limit_a_call_is_told_which_and_for_how_long(house):
    ids = await house.declare(LimitRow("tpm", "tokens", "1m", 1000))
    await house.gateway.reserve(make.reserve(house.tenant, draw(house, ids["tpm"], 800)))
    said = await house.gateway.reserve(make.reserve(house.tenant, draw(house, ids["tpm"], 300)))
    assert (said.outcome, said.limit_id, said.amount) == (BLOCKED, ids["tpm"], 300)
    assert 58 < said.seconds <= 61
    assert await used(house, "tpm") == (0, 800)


async def test_regression_08_more_than_the_whole_limit_is_refused_at_once(house):
    ids = await house.declare(LimitRow("tpm", "tokens", "1m", 1000))
    said = await house.gateway.reserve(make.reserve(house.tenant, draw(house, ids["tpm"], 1001)))
    assert (said.outcome, said.limit_id) == (ReserveOutcome.TOO_LARGE, ids["tpm"])


@pytest.mark.parametrize("tight", ["a", "b"])
async def test_regression_11_the_stricter_of_two_limits_wins(house, tight):
    rows = [LimitRow(n, "requests", "1m", 1 if n == tight else 100) for n in ("a", "b")]
    ids = await house.declare(*rows)
    draws = [draw(house, ids[n], 1, "requests") for n in ("a", "b")]
    first, second = await house.gateway.reserve_many(
        [make.reserve(house.tenant, *draws) for _ in range(2)]
    )
    assert (first.outcome, second.outcome, second.limit_id) == (RESERVED, BLOCKED, ids[tight])
    assert await used(house, "a") == await used(house, "b") == (0, 1)  # all of a call or nothing


async def test_a_limit_in_shadow_mode_counts_and_says_what_it_would_have_blocked(house):
    ids = await house.declare(LimitRow("tpm", "tokens", "1m", 100, enforced=False))
    outcomes = [
        await house.gateway.reserve(make.reserve(house.tenant, draw(house, ids["tpm"], 60)))
        for _ in range(3)
    ]
    assert [one.outcome for one in outcomes] == [RESERVED] * 3
    assert [one.shadowed for one in outcomes] == [(), (ids["tpm"],), (ids["tpm"],)]
    [usage] = await house.gateway.usage(house.tenant)
    assert (usage.reserved, usage.shadowed, usage.enforced) == (180, 2, False)


async def test_a_place_of_a_concurrency_limit_comes_back_with_the_end_of_the_call(house):
    ids = await house.declare(LimitRow("at-once", "llmCalls", "None", 1))
    wishes = [
        make.reserve(house.tenant, draw(house, ids["at-once"], 1, "llmCalls")) for _ in range(2)
    ]
    assert [r.outcome for r in await house.gateway.reserve_many(wishes)] == [RESERVED, BLOCKED]
    await house.gateway.settle(make.settlement(wishes[0]))
    assert (await house.gateway.reserve(wishes[1])).outcome == RESERVED


async def test_a_limit_per_run_is_that_run_s_alone_and_never_comes_back(house):
    ids = await house.declare(LimitRow("maxTokens", "tokens", "Run", 100), owner="pipeline/x")
    one, other = make.uuid7(), make.uuid7()
    outcomes = [
        (await house.gateway.reserve(wish)).outcome
        for run in (one, one, other)
        for wish in [make.reserve(house.tenant, draw(house, ids["maxTokens"], 60, subject=run))]
    ]
    assert outcomes == [RESERVED, ReserveOutcome.EXHAUSTED, RESERVED]


async def test_money_is_counted_in_billionths_and_rounded_up(house):
    row = LimitRow("month", "cost", "CalendarMonth", 1_000_000_000, zone="Europe/Berlin")
    ids = await house.declare(row)
    wish = make.reserve(house.tenant, draw(house, ids["month"], 400_000_000, "cost"))
    await house.gateway.reserve(wish)
    await house.gateway.settle(make.settlement(wish, cost=Decimal("0.0000000001")))
    assert await used(house, "month") == (1, 0)
    [usage] = await house.gateway.usage(house.tenant)
    assert usage.resets_at.astimezone(UTC).hour in (22, 23)  # midnight of Berlin


async def test_the_same_reservation_again_is_the_same_one(house):
    ids = await house.declare(LimitRow("rpm", "requests", "1m", 1))
    wish = make.reserve(house.tenant, draw(house, ids["rpm"], 1, "requests"))
    outcomes = [(await house.gateway.reserve(wish)).outcome for _ in range(2)]
    assert (outcomes, await used(house, "rpm")) == ([RESERVED, RESERVED], (0, 1))


async def test_regression_10_four_gateways_racing_for_the_last_unit_never_exceed_it(
    house, ledger_server
):
    ids = await house.declare(
        LimitRow("rpm", "requests", "1h", 200), LimitRow("once", "llmCalls", "None", 150)
    )
    gateways = [await Ledger.connect(ledger_server.gateway_url, role="gateway") for _ in range(4)]
    try:
        wishes = [
            make.reserve(
                house.tenant,
                draw(house, ids["rpm"], 1, "requests"),
                draw(house, ids["once"], 1, "llmCalls"),
            )
            for _ in range(800)
        ]
        said = await asyncio.gather(
            *(gateways[n % 4].reserve(wish) for n, wish in enumerate(wishes))
        )
        won = [w for w, s in zip(wishes, said, strict=True) if s.outcome == RESERVED]
        assert len(won) == 150
        assert {s.limit_id for s in said if s.outcome == BLOCKED} == {ids["once"]}
        await asyncio.gather(*(gateways[0].settle(make.settlement(w)) for w in won))
        said = await asyncio.gather(
            *(gateways[n % 4].reserve(dataclasses.replace(w, id=make.uuid7()))
              for n, w in enumerate(wishes))
        )  # fmt: skip
        assert [s.outcome for s in said].count(RESERVED) == 50
    finally:
        for gateway in gateways:
            await gateway.close()


async def test_use_leaves_a_sliding_window_a_sixtieth_late_at_most(house, admin):
    ids = await house.declare(LimitRow("rpm", "requests", "1m", 2))
    wishes = [make.reserve(house.tenant, draw(house, ids["rpm"], 1, "requests")) for _ in range(3)]
    await house.gateway.reserve_many(wishes)
    for seconds, want in ((58, BLOCKED), (4, RESERVED)):
        await admin.execute(
            "UPDATE headrace.buckets SET at = at - $1 WHERE limit_id = $2", seconds, ids["rpm"]
        )
        said = await house.gateway.reserve(dataclasses.replace(wishes[2], id=make.uuid7()))
        assert said.outcome == want


async def test_a_calendar_window_begins_anew_with_its_period(house, admin):
    ids = await house.declare(LimitRow("day", "tokens", "CalendarDay", 100))
    first = make.reserve(house.tenant, draw(house, ids["day"], 100))
    blocked = make.reserve(house.tenant, draw(house, ids["day"], 1))
    said = await house.gateway.reserve_many([first, blocked])
    assert [one.outcome for one in said] == [RESERVED, BLOCKED]
    assert 0 < said[1].seconds <= 24 * 3600
    await admin.execute("UPDATE headrace.buckets SET at = 1 WHERE limit_id = $1", ids["day"])
    await admin.execute(
        "UPDATE headrace.reservations SET at = at - interval '32 days' WHERE id = $1", first.id
    )
    assert (await house.gateway.reserve(blocked)).outcome == RESERVED
    await house.gateway.settle(make.settlement(first, 90))  # of the day before: no part of this one
    assert await used(house, "day") == (0, 1)


BERLIN = "Europe/Berlin"
PERIODS = {
    "23 hours": ("CalendarDay", BERLIN, "2026-03-29T01:30+01:00", "2026-03-30T00:00+02:00"),
    "25 hours": ("CalendarDay", BERLIN, "2026-10-25T01:30+02:00", "2026-10-26T00:00+01:00"),
    "a month": ("CalendarMonth", "UTC", "2026-01-31T23:59:59+00:00", "2026-02-01T00:00+00:00"),
    "a leap year": ("CalendarMonth", "UTC", "2028-02-29T12:00+00:00", "2028-03-01T00:00+00:00"),
    "elsewhere": (
        "CalendarDay",
        "Pacific/Auckland",
        "2026-06-01T13:00+00:00",
        "2026-06-02T12:00+00:00",
    ),
    "no midnight": (
        "CalendarDay",
        "America/Santiago",
        "2026-09-05T12:00+00:00",
        "2026-09-06T04:00+00:00",
    ),
}


@pytest.mark.parametrize(("period", "zone", "at", "end"), PERIODS.values(), ids=PERIODS)
async def test_a_period_ends_when_its_zone_says(admin, period, zone, at, end):
    moment = int(datetime.fromisoformat(at).timestamp() * 1_000_000)
    found = await admin.fetchval("SELECT headrace.period_end($1, $2, $3)", period, zone, moment)
    assert datetime.fromtimestamp(found / 1e6, UTC) == datetime.fromisoformat(end)


async def test_what_a_dead_gateway_held_is_settled_at_the_estimate(house, admin):
    ids = await house.declare(
        LimitRow("tpm", "tokens", "1h", 1000), LimitRow("once", "llmCalls", "None", 5)
    )
    wish = make.reserve(
        house.tenant,
        draw(house, ids["tpm"], 30),
        draw(house, ids["once"], 1, "llmCalls"),
        cost=Decimal("0.25"),
        currency="USD",
    )
    await house.gateway.beat_gateway()
    await house.gateway.reserve(wish)
    await admin.execute(
        "UPDATE headrace.reservations SET at = at - interval '31 s' WHERE id = $1", wish.id
    )
    await house.gateway.sweep()
    assert await used(house, "once") == (0, 1)  # its gateway lives
    await admin.execute("UPDATE headrace.gateways SET alive_until = now() - interval '1 s'")
    await house.gateway.sweep(after_gap=True)
    assert await used(house, "once") == (0, 1)  # nobody could beat: no proof that it died
    await house.gateway.sweep()
    assert (await used(house, "tpm"), await used(house, "once")) == ((30, 0), (0, 0))
    call = await admin.fetchrow("SELECT * FROM headrace.calls WHERE id = $1", wish.id)
    assert (call["input_tokens"], call["output_tokens"], call["cost"]) == (10, 20, Decimal("0.25"))
    assert (call["estimated"], call["live"]) == (True, False)


async def test_a_circuit_stays_open_for_twice_as_long_until_somebody_is_answered(house, admin):
    provider = make.fresh("provider")

    async def waits():
        said = await house.gateway.reserve(make.reserve(house.tenant, provider=provider))
        return round(said.seconds)

    async def over():
        await admin.execute(
            "UPDATE headrace.cooldowns SET until = now() WHERE provider = $1", provider
        )

    await house.gateway.open_circuit(provider, 30, 100)
    await house.gateway.open_circuit(provider, 30, 100)  # another gateway saw it fail too
    assert await waits() == 30
    mine = [one for one in await house.operator.cooldowns() if one.provider == provider]
    assert [one.reason for one in mine] == [CIRCUIT_OPEN]
    assert not await house.gateway.close_circuit(provider)  # of a call that began before
    for seconds in (60, 100, 100):
        await over()
        await house.gateway.sweep()  # how often it has failed is not forgotten with the pause
        await house.gateway.open_circuit(provider, 30, 100)
        assert await waits() == seconds
    await over()
    assert await house.gateway.close_circuit(provider)
    assert provider not in {one.provider for one in await house.operator.cooldowns()}
    await house.gateway.open_circuit(provider, 300, 100)
    assert await waits() == 100
    sql = "UPDATE headrace.cooldowns SET until = now() - interval '61 min' WHERE provider = $1"
    await admin.execute(sql, provider)
    await house.gateway.sweep()
    assert await admin.fetch("SELECT FROM headrace.cooldowns WHERE provider = $1", provider) == []


async def test_a_provider_that_cools_is_reserved_by_nobody(house):
    provider = make.fresh("provider")
    await house.gateway.cool_down(provider, 20, "RateLimited")
    await house.gateway.cool_down(provider, 5, "RateLimited")  # a shorter pause changes nothing
    said = await house.gateway.reserve(make.reserve(house.tenant, provider=provider))
    assert said.outcome == ReserveOutcome.COOLING
    assert 15 < said.seconds <= 20
    await house.operator.put_provider(ProviderRow(provider, "uid", "{}", "another endpoint"))
    said = await house.gateway.reserve(make.reserve(house.tenant, provider=provider))
    assert said.outcome == RESERVED
