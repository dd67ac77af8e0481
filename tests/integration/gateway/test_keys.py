"""API keys through the gateway: made, shown once, used, listed, revoked."""

from __future__ import annotations

import pytest

from gateway_scene import Callers, Names, now, scene
from headrace_gateway.clock import Clock
from headrace_gateway.identity.api_keys import KeyIdentity
from headrace_gateway.identity.caller import Caller
from headrace_gateway.identity.either import EitherIdentity
from headrace_gateway.identity.key_use import KeyUse
from headrace_ledger.declared import TenantRow


class Both:
    """API keys of the real ledger, and callers by name for everything else."""

    def __init__(self, callers: dict[str, Caller], clock: Clock) -> None:
        self._names = Callers(callers)
        self._clock = clock
        self.ledger = None

    async def authenticate(self, headers):
        if not hasattr(self, "_either"):
            self.use = KeyUse(self.ledger, self._clock.monotonic)
            keys = KeyIdentity(self.ledger, self._clock, self.use)
            self._either = EitherIdentity(keys, self._names)
        return await self._either.authenticate(headers)


@pytest.fixture
async def door(ledger_server):

    names = Names()
    everything = frozenset({"submit", "read", "operate"})
    callers = {
        "dev-key": Caller("dev", names.tenant, everything | {"work"}, platform=True),
        "admin": Caller("admin", None, everything, platform=True),
        "operator": Caller("op", names.tenant, frozenset({"operate", "read"})),
        "reader": Caller("r", names.tenant, frozenset({"read"})),
    }
    ticks = iter(range(10**9))
    # Each look at this clock is ten seconds later, so that nothing is remembered too long.
    identity = Both(callers, Clock(now=now, monotonic=lambda: next(ticks) * 10.0))
    async with scene(ledger_server, [], names=names, identity=identity) as made:
        identity.ledger = made.ledger
        yield made


def as_(name: str) -> dict[str, str]:
    return {"authorization": f"Bearer {name}"}


async def make(door, who: str, **asked):
    body = {"name": "ci", "scopes": ["submit", "read"], **asked}
    return await door.http.post("/v1/keys", json=body, headers=as_(who))


async def test_a_key_is_made_used_listed_and_revoked(door):
    made = await make(door, "admin", tenant=door.names.tenant)
    assert made.status_code == 201, made.text
    said = made.json()
    assert said["key"].startswith(f"hr_{said['prefix']}_")
    assert made.headers["cache-control"] == "no-store"
    assert (await door.submit(headers=as_(said["key"]))).status_code == 202
    listed = await door.http.get(
        "/v1/keys", params={"tenant": door.names.tenant}, headers=as_("admin")
    )
    assert [item["id"] for item in listed.json()["items"]] == [said["id"]]
    assert said["key"] not in listed.text
    revoked = await door.http.delete(
        f"/v1/keys/{said['id']}", params={"tenant": door.names.tenant}, headers=as_("admin")
    )
    assert revoked.status_code == 204
    assert (await door.submit(headers=as_(said["key"]))).status_code == 401


async def test_a_key_with_one_wrong_letter_is_nobodys(door):
    key = (await make(door, "operator", scopes=["read"])).json()["key"]
    wrong = key[:-1] + ("A" if key[-1] != "A" else "B")
    assert (await door.http.get(door.runs, headers=as_(key))).status_code == 200
    assert (await door.http.get(door.runs, headers=as_(wrong))).status_code == 401


async def test_a_key_may_do_no_more_than_who_made_it(door):
    assert (await make(door, "operator", scopes=["submit"])).status_code == 403
    assert (await make(door, "operator", scopes=["read"])).status_code == 201


async def test_only_operators_make_keys(door):
    assert (await make(door, "reader", scopes=["read"])).status_code == 403


async def test_the_platforms_account_must_say_whose_key_it_is(door):
    assert (await make(door, "admin")).status_code == 400


async def test_a_tenants_operator_makes_no_keys_of_others(door):
    assert (await make(door, "operator", scopes=["read"], tenant="other")).status_code == 404


@pytest.mark.parametrize("tenant", ["typo", "_platform"])
async def test_a_key_of_a_tenant_that_is_not_there_is_not_made(door, tenant):
    made = await make(door, "admin", tenant=tenant)
    assert (made.status_code, made.json()["title"]) == (422, f"There is no tenant '{tenant}'.")


ASKED = {
    "no scope": {"scopes": []},
    "a scope that is none": {"scopes": ["everything"]},
    "no name": {"name": ""},
    "a life of a second": {"expiresInSeconds": 1},
}


@pytest.mark.parametrize("asked", ASKED.values(), ids=ASKED)
async def test_a_key_is_refused_with(door, asked):
    answer = await make(door, "operator", **{"scopes": ["read"], **asked})
    assert answer.status_code == 422
    assert answer.json()["problems"]


async def test_an_unknown_key_cannot_be_revoked(door):
    answer = await door.http.delete("/v1/keys/nope", headers=as_("operator"))
    assert answer.status_code == 404


async def rotate(door, key: str, who: str = "admin", **asked):
    body = {"tenant": door.names.tenant, **asked} if who == "admin" else asked
    return await door.http.post(f"/v1/keys/{key}/rotate", json=body, headers=as_(who))


async def test_both_keys_open_during_the_overlap_and_the_old_one_not_after_it(door):
    old = (await make(door, "admin", tenant=door.names.tenant)).json()
    rotated = await rotate(door, old["id"])
    assert rotated.status_code == 201, rotated.text
    assert rotated.headers["cache-control"] == "no-store"
    new = rotated.json()
    assert (new["name"], new["scopes"], new["createdBy"]) == (old["name"], old["scopes"], "admin")
    for key in (old["key"], new["key"]):
        assert (await door.submit(headers=as_(key))).status_code == 202
    again = await rotate(door, old["id"], overlapSeconds=0)
    assert again.status_code == 201
    assert (await door.submit(headers=as_(old["key"]))).status_code == 401
    for key in (new["key"], again.json()["key"]):
        assert (await door.submit(headers=as_(key))).status_code == 202
    assert (await rotate(door, old["id"])).status_code == 404


async def test_a_key_is_rotated_by_who_may_do_all_that_it_may(door):
    strong = (await make(door, "admin", tenant=door.names.tenant)).json()
    refused = await rotate(door, strong["id"], "operator")
    assert refused.status_code == 403
    assert "lacks submit" in refused.json()["title"]
    assert (await rotate(door, strong["id"], "reader")).status_code == 403
    weak = (await make(door, "operator", scopes=["read"])).json()
    assert (await rotate(door, weak["id"], "operator")).status_code == 201


async def test_another_tenants_key_is_absent_for_who_would_rotate_it(door):
    other = Names()
    await door.operator.put_tenant(TenantRow(other.tenant, "u", (other.namespace,)))
    theirs = (await make(door, "admin", tenant=other.tenant)).json()
    for key in (theirs["id"], "nope"):
        assert (await rotate(door, key, "operator")).status_code == 404
    assert (await rotate(door, theirs["id"], "operator", tenant=other.tenant)).status_code == 404


@pytest.mark.parametrize("overlap", [-1, 2_592_001, "soon"])
async def test_an_overlap_that_makes_no_sense_is_refused(door, overlap):
    assert (await rotate(door, "k", overlapSeconds=overlap)).status_code == 422


async def test_the_list_says_when_a_key_was_used_last(door):
    made = (await make(door, "operator", scopes=["read"])).json()
    assert "lastUsedAt" not in made or made["lastUsedAt"] is None
    assert (await door.http.get(door.runs, headers=as_(made["key"]))).status_code == 200
    await door.app.world.identity.use.write()
    [item] = (await door.http.get("/v1/keys", headers=as_("operator"))).json()["items"]
    assert item["lastUsedAt"] is not None
