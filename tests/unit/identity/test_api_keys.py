from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from headrace_gateway.clock import Clock
from headrace_gateway.errors import (
    BadRequestError,
    ForbiddenError,
    NotFoundError,
    UnauthenticatedError,
)
from headrace_gateway.identity.api_keys import KEY_SECONDS, KeyIdentity, make_key, prefix_of
from headrace_gateway.identity.caller import Caller
from headrace_gateway.identity.dev import DevIdentity
from headrace_gateway.identity.key_routes import tenant_for
from headrace_ledger.declared import ApiKeyRow

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MADE = make_key(os.urandom)
TEXT = MADE.text.get_secret_value()


def row(**changes) -> ApiKeyRow:
    fields = {
        "tenant": "acme",
        "id": "k-1",
        "prefix": MADE.prefix,
        "hash": MADE.hash,
        "name": "ci",
        "scopes": ("read",),
        "created_by": "op",
        **changes,
    }
    return ApiKeyRow(**fields)


class Store:
    def __init__(self, kept: ApiKeyRow | None) -> None:
        self.kept = kept
        self.time = 0.0

    async def api_key_by_prefix(self, prefix):
        return self.kept if self.kept and self.kept.prefix == prefix else None

    def identity(self) -> KeyIdentity:
        return KeyIdentity(self, Clock(now=lambda: NOW, monotonic=lambda: self.time))


async def who(identity, text=TEXT):
    return await identity.authenticate({"authorization": f"Bearer {text}"})


def test_a_key_has_the_documented_form_and_hides_itself():
    assert prefix_of(TEXT) == MADE.prefix
    assert len(TEXT) == 3 + 8 + 1 + 43
    assert TEXT not in repr(MADE)


async def test_a_key_is_its_tenant_with_its_scopes():
    caller = await who(Store(row()).identity())
    assert (caller.tenant, caller.scopes) == ("acme", {"read"})


async def test_a_scope_that_we_do_not_know_is_no_right():
    caller = await who(Store(row(scopes=("read", "work", "root"))).identity())
    assert caller.scopes == {"read"}


REFUSED = {
    "unknown": None,
    "with another secret": row(hash=b"\0" * 32),
    "expired": row(expires_at=NOW),
    "revoked": row(revoked_at=NOW - timedelta(days=1)),
}


@pytest.mark.parametrize("kept", REFUSED.values(), ids=REFUSED)
async def test_a_key_is_refused_that_is(kept):
    with pytest.raises(UnauthenticatedError):
        await who(Store(kept).identity())


async def test_a_revoked_key_is_refused_within_five_seconds():
    store = Store(row())
    identity = store.identity()
    await who(identity)
    store.kept = row(revoked_at=NOW)
    assert KEY_SECONDS <= 5
    store.time = KEY_SECONDS
    with pytest.raises(UnauthenticatedError):
        await who(identity)


@pytest.mark.parametrize("given", ["Bearer nope", "Basic key", "", "Bearer", "key"])
async def test_the_local_key_is_the_only_one(given):
    identity = DevIdentity(SecretStr("key"))
    assert (await who(identity, "key")).platform
    with pytest.raises(UnauthenticatedError):
        await identity.authenticate({"authorization": given})


TENANTS = {
    "its own": (Caller("k", "acme", frozenset()), None, "acme"),
    "its own by name": (Caller("k", "acme", frozenset()), "acme", "acme"),
    "another's": (Caller("k", "acme", frozenset()), "other", NotFoundError),
    "the platform's choice": (Caller("a", None, frozenset(), platform=True), "other", "other"),
    "the platform's silence": (
        Caller("a", None, frozenset(), platform=True),
        None,
        BadRequestError,
    ),
    "nobody's": (Caller("k", None, frozenset()), None, NotFoundError),
}


@pytest.mark.parametrize(("caller", "named", "want"), TENANTS.values(), ids=TENANTS)
def test_keys_are(caller, named, want):
    if isinstance(want, str):
        assert tenant_for(caller, named) == want
    else:
        with pytest.raises(want):
            tenant_for(caller, named)


def test_a_refusal_says_what_it_takes():
    with pytest.raises(ForbiddenError, match="'submit' or 'operate', it has read"):
        Caller("k", "acme", frozenset({"read"})).need("submit", "operate")
