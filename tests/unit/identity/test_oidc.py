"""What a token of an issuer outside the cluster opens, and what it does not."""

from __future__ import annotations

import jwt
import pytest

from headrace_gateway.errors import UnauthenticatedError
from oidc_scene import (
    CURVE,
    ISSUER,
    NOW,
    OURS,
    SECRET,
    THEIRS,
    WEAK,
    Frozen,
    Setting,
    claims,
    jwk,
    token,
)


@pytest.fixture
def setting(monkeypatch):
    monkeypatch.setattr("jwt.api_jwt.datetime", Frozen)
    return Setting()


async def test_a_token_is_its_tenants_with_the_scopes_that_we_know(setting):
    caller = await setting.who(token())
    assert (caller.tenant, caller.scopes) == ("acme", {"submit", "read"})
    assert (caller.platform, caller.pipeline) == (False, None)
    assert caller.subject == f"oidc:{ISSUER}#user-7"


async def test_an_algorithm_that_is_pinned_verifies_with_its_own_kind_of_key(setting):
    assert (await setting.who(token(CURVE, "k-ec", "ES256"))).tenant == "acme"


REFUSED = {
    "signed by somebody else": lambda: token(THEIRS),
    "for another audience": lambda: token(aud=["other"]),
    "for nobody": lambda: token(aud=None),
    "of another issuer": lambda: token(iss="https://evil.example"),
    "of an issuer with another ending": lambda: token(iss=ISSUER + "/"),
    "expired": lambda: token(exp=NOW - 90),
    "not yet valid": lambda: token(nbf=NOW + 90),
    "without an expiry": lambda: token(exp=None),
    "of nobody": lambda: token(sub=None),
    "of a subject that is empty": lambda: token(sub=""),
    "of a subject that no column takes": lambda: token(sub="user\x00"),
    "of half a character": lambda: token(sub="user\ud800"),
    "of a subject without an end": lambda: token(sub="x" * 1025),
    "good for longer than there are numbers": lambda: token(exp=10**400),
    "of an algorithm that is not pinned": lambda: token(algorithm="RS512"),
    "unsigned": lambda: jwt.encode(claims(), None, algorithm="none", headers={"kid": "k-1"}),
    "of a key that is not published": lambda: token(kid="k-9"),
    "of no key": lambda: jwt.encode(claims(), OURS, algorithm="RS256"),
    "of a weak key": lambda: token(WEAK, "k-weak"),
    "of a key of another kind": lambda: token(CURVE, "k-1", "ES256"),
    "no token": lambda: "not.a.token",
    "nothing": lambda: "",
    "far too long": lambda: token(more="x" * 9000),
    "brackets all the way": lambda: "W1tb" * 1000 + ".e30.e30",
}


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
@pytest.mark.parametrize("forge", REFUSED.values(), ids=REFUSED)
async def test_a_token_is_refused_that_is(setting, forge):
    with pytest.raises(UnauthenticatedError):
        await setting.who(forge())


@pytest.mark.parametrize("late", [{"exp": NOW - 30}, {"nbf": NOW + 30}], ids=["exp", "nbf"])
async def test_a_minute_of_leeway_is_given(setting, late):
    assert (await setting.who(token(**late))).tenant == "acme"


PUBLISHED = {
    "a shared secret": {"kty": "oct", "k": SECRET, "kid": "k-1"},
    "a key for encryption": jwk(OURS, use="enc"),
    "a key of another algorithm": jwk(OURS, alg="RS384"),
    "a key that is broken": {"kty": "RSA", "kid": "k-1"},
    "a point off its curve": {**jwk(CURVE), "x": jwk(CURVE)["y"]},
}


@pytest.mark.parametrize("key", PUBLISHED.values(), ids=PUBLISHED)
async def test_nothing_is_verified_by(setting, key):
    setting.publisher.keys = {"keys": [key, "no key", {"kty": "RSA"}]}
    for text in (token(), token(CURVE, algorithm="ES256"), token(SECRET, algorithm="HS256")):
        with pytest.raises(UnauthenticatedError):
            await setting.who(text)


BY_CLAIM = {
    "the tenant's name": ({}, "acme", "acme"),
    "a list of one": ({}, ["acme"], "acme"),
    "a list of several": ({}, ["acme", "umbrella"], None),
    "nothing": ({}, None, None),
    "a number": ({}, 7, None),
    "a tenant that is not there": ({}, "nobody", None),
    "the platform's rows": ({}, "_platform", None),
    "a name that is none": ({}, "acme\x00", None),
    "a group that means a tenant": ({"tenants": {"g-1": "acme"}}, ["g-0", "g-1"], "acme"),
    "two groups of one tenant": ({"tenants": {"a": "acme", "b": "acme"}}, ["a", "b"], "acme"),
    "groups of two tenants": ({"tenants": {"a": "acme", "b": "umbrella"}}, ["a", "b"], None),
    "a group that means no tenant": ({"tenants": {"g-1": "acme"}}, ["g-0"], None),
    "a tenant's name where groups are meant": ({"tenants": {"g-1": "acme"}}, "umbrella", None),
    "a group of a tenant that is gone": ({"tenants": {"g-1": "gone"}}, "g-1", None),
}


@pytest.mark.parametrize(("issuer", "claim", "want"), BY_CLAIM.values(), ids=BY_CLAIM)
async def test_the_tenant_of_a_claim_with(issuer, claim, want):
    setting = Setting(**issuer)
    if want is None:
        with pytest.raises(UnauthenticatedError):
            await setting.who(token(tenant=claim))
    else:
        assert (await setting.who(token(tenant=claim))).tenant == want


async def test_a_token_opens_nothing_soon_after_its_tenant_is_gone(setting):
    text = token()
    await setting.who(text)
    setting.tenants.there.clear()
    setting.time += 5
    with pytest.raises(UnauthenticatedError):
        await setting.who(text)


SCOPES = {
    "a text": ({}, "read operate", {"read", "operate"}),
    "a list": ({}, ["read", "admin"], {"read"}),
    "none": ({}, None, set()),
    "an object": ({}, {"read": True}, set()),
    "fixed ones": ({"scopesClaim": None, "scopes": ["read"]}, "submit operate", {"read"}),
}


@pytest.mark.parametrize(("issuer", "claim", "want"), SCOPES.values(), ids=SCOPES)
async def test_the_scopes_are(issuer, claim, want):
    assert (await Setting(**issuer).who(token(scope=claim))).scopes == want


REMEMBERED = {
    "a minute": (NOW + 600, 59, 61),
    "not past its expiry": (NOW + 30, 29, 31),
}


@pytest.mark.parametrize(("expiry", "still", "gone"), REMEMBERED.values(), ids=REMEMBERED)
async def test_a_verified_token_is_remembered(setting, monkeypatch, expiry, still, gone):
    decode, decoded = jwt.decode, []
    monkeypatch.setattr(jwt, "decode", lambda *a, **k: decoded.append(a) or decode(*a, **k))
    text = token(exp=expiry)
    for second, times in ((0, 1), (still, 1), (gone, 2)):
        setting.time = float(second)
        await setting.who(text)
        assert len(decoded) == times


async def test_what_is_remembered_is_the_whole_token(setting):
    text = token()
    await setting.who(text)
    head, body, signature = text.split(".")
    changed = signature[:10] + ("A" if signature[10] != "A" else "B") + signature[11:]
    with pytest.raises(UnauthenticatedError):
        await setting.who(f"{head}.{body}.{changed}")
