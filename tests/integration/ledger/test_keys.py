"""API keys: found by prefix, revoked, and gone with the tenant whose they are."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest

import ledger_rows as make
from headrace_ledger.declared import ApiKeyRow
from headrace_ledger.keys import KeyRotation

pytestmark = pytest.mark.postgres


async def test_api_keys_are_found_by_prefix_listed_and_revoked(house):
    prefix = make.fresh("p")
    row = ApiKeyRow(house.tenant, "id", prefix, b"h" * 32, "ci", ("submit", "read"), "me")
    assert await house.gateway.create_api_key(row)
    found = await house.gateway.api_key_by_prefix(prefix)
    assert (found.tenant, found.hash, found.scopes, found.revoked_at) == (
        row.tenant,
        row.hash,
        row.scopes,
        None,
    )
    assert await house.gateway.api_keys(house.tenant) == [found]
    assert not await house.gateway.revoke_api_key(make.fresh("tenant"), "id")
    assert await house.gateway.revoke_api_key(house.tenant, "id")
    assert not await house.gateway.revoke_api_key(house.tenant, "id")
    assert (await house.gateway.api_key_by_prefix(prefix)).revoked_at is not None
    assert await house.gateway.api_key_by_prefix("nobody") is None


async def kept(house) -> ApiKeyRow:
    row = ApiKeyRow(house.tenant, "id", make.fresh("p"), b"h" * 32, "ci", ("submit",), "me")
    assert await house.gateway.create_api_key(row)
    return row


async def test_a_key_goes_with_its_tenant_and_opens_no_later_one_of_that_name(house):
    key = await kept(house)
    await house.operator.delete_tenant(house.tenant, "another uid")
    assert await house.gateway.api_key_by_prefix(key.prefix) is not None
    await house.operator.delete_tenant(house.tenant, make.tenant(house.tenant).uid)
    await house.operator.put_tenant(make.tenant(house.tenant))
    assert await house.gateway.api_key_by_prefix(key.prefix) is None


async def test_a_key_does_not_outlast_a_tenant_whose_end_nobody_saw(house):
    key = await kept(house)
    again = make.tenant(house.tenant)
    await house.operator.put_tenant(again)
    await house.operator.put_tenant(dataclasses.replace(again, stop_policy="Hold"))
    assert await house.gateway.api_key_by_prefix(key.prefix) is not None
    await house.operator.put_tenant(dataclasses.replace(again, uid="another uid"))
    assert await house.gateway.api_key_by_prefix(key.prefix) is None
    assert await house.gateway.tenant_of(again.namespaces[0]) == house.tenant


@pytest.mark.parametrize("tenant", ["nobody", "_platform"])
async def test_a_key_is_made_for_a_tenant_that_is_there(gateway, tenant):
    row = ApiKeyRow(tenant, "id", make.fresh("p"), b"h" * 32, "ci", ("submit",), "me")
    assert not await gateway.create_api_key(row)
    assert await gateway.api_key_by_prefix(row.prefix) is None


@pytest.mark.parametrize("tenant", ["nobody", "_platform", ""])
async def test_a_tenant_that_is_not_there_does_not_exist(gateway, tenant):
    assert not await gateway.tenant_exists(tenant)


async def test_a_tenant_exists_until_it_is_deleted(house):
    assert await house.gateway.tenant_exists(house.tenant)
    await house.operator.delete_tenant(house.tenant, make.tenant(house.tenant).uid)
    assert not await house.gateway.tenant_exists(house.tenant)


def rotation(house, **changes) -> KeyRotation:
    fields = {
        "tenant": house.tenant,
        "old": "id",
        "id": make.fresh("new"),
        "prefix": make.fresh("p"),
        "hash": b"n" * 32,
        "created_by": "me too",
        "may": ("operate", "submit"),
        "overlap_seconds": 3600.0,
        **changes,
    }
    return KeyRotation(**fields)


async def by_id(house) -> dict[str, ApiKeyRow]:
    return {row.id: row for row in await house.gateway.api_keys(house.tenant)}


async def test_a_rotated_key_lives_on_beside_its_like_for_the_overlap(house):
    await kept(house)
    wanted = rotation(house)
    rotated = await house.gateway.rotate_api_key(wanted)
    assert (rotated.outcome, rotated.name, rotated.scopes) == ("Rotated", "ci", ("submit",))
    rows = await by_id(house)
    old, new = rows["id"], rows[wanted.id]
    assert (new.name, new.scopes, new.created_by, new.expires_at) == (
        "ci",
        ("submit",),
        "me too",
        None,
    )
    # Both were written in one transaction, so by one clock.
    assert old.expires_at - new.created_at == timedelta(hours=1)
    assert (await house.gateway.api_key_by_prefix(wanted.prefix)).hash == b"n" * 32


async def test_a_new_key_lives_as_long_as_the_old_one_was_to_and_the_old_one_no_longer(
    house, admin
):
    # The old key is to end in a minute: an overlap of an hour does not keep it.
    ends = await admin.fetchval("SELECT now() + interval '1 minute'")
    row = ApiKeyRow(
        house.tenant, "id", make.fresh("p"), b"h" * 32, "ci", ("submit",), "me", expires_at=ends
    )
    assert await house.gateway.create_api_key(row)
    wanted = rotation(house)
    await house.gateway.rotate_api_key(wanted)
    rows = await by_id(house)
    assert rows["id"].expires_at == ends
    life = rows["id"].expires_at - rows["id"].created_at
    assert rows[wanted.id].expires_at - rows[wanted.id].created_at == life


async def test_no_key_is_made_that_may_do_more_than_who_rotates(house):
    await kept(house)
    rotated = await house.gateway.rotate_api_key(rotation(house, may=("operate", "read")))
    assert (rotated.outcome, rotated.scopes) == ("Beyond", ("submit",))
    rows = await by_id(house)
    assert rows.keys() == {"id"}
    assert rows["id"].expires_at is None


async def test_a_key_that_is_over_or_another_tenants_cannot_be_rotated(house, operator):
    other = make.fresh("tenant")
    await operator.put_tenant(make.tenant(other))
    await kept(house)
    assert (await house.gateway.rotate_api_key(rotation(house, tenant=other))).outcome == "Absent"
    assert (await house.gateway.rotate_api_key(rotation(house, old="no"))).outcome == "Absent"
    first = rotation(house, overlap_seconds=0.0)
    assert (await house.gateway.rotate_api_key(first)).outcome == "Rotated"
    assert (await house.gateway.rotate_api_key(rotation(house))).outcome == "Absent"
    await house.gateway.revoke_api_key(house.tenant, first.id)
    assert (await house.gateway.rotate_api_key(rotation(house, old=first.id))).outcome == "Absent"
    assert (await by_id(house)).keys() == {"id", first.id}


async def test_the_use_of_a_key_is_written_once_a_minute(house, admin):
    await kept(house)
    assert (await by_id(house))["id"].last_used_at is None
    used = [(house.tenant, "id"), (house.tenant, "gone"), (make.fresh("tenant"), "id")]
    assert await house.gateway.touch_api_keys(used) == 1
    first = (await by_id(house))["id"].last_used_at
    assert first is not None
    assert await house.gateway.touch_api_keys(used) == 0
    await admin.execute(
        "UPDATE headrace.api_keys SET last_used_at = now() - interval '61 s' WHERE tenant = $1",
        house.tenant,
    )
    assert await house.gateway.touch_api_keys(used) == 1
    assert (await by_id(house))["id"].last_used_at >= first


async def test_nobody_used_is_nothing_to_write(gateway):
    assert await gateway.touch_api_keys([]) == 0
