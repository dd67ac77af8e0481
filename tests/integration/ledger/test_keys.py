"""API keys: found by prefix, revoked, and gone with the tenant whose they are."""

from __future__ import annotations

import dataclasses

import pytest

import ledger_rows as make
from headrace_ledger.declared import ApiKeyRow

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
