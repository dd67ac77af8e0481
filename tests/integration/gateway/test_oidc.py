"""Tokens of an OpenID Connect issuer through the gateway: its keys come over a real socket."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from gateway_scene import Callers, Names, listening, now, scene
from headrace_gateway.clock import Clock
from headrace_gateway.identity.api_keys import KeyIdentity
from headrace_gateway.identity.either import EitherIdentity
from headrace_gateway.identity.issuer_keys import IssuerKeys, issuers_client
from headrace_gateway.identity.issuers import TrustedIssuer
from headrace_gateway.identity.oidc import OidcIdentity
from headrace_ledger.client import Ledger
from headrace_ledger.declared import TenantRow

pytestmark = pytest.mark.postgres
KEY, OTHER = (rsa.generate_private_key(65537, 2048) for _ in range(2))


@asynccontextmanager
async def issuing():
    """Serve a discovery document and a key set; yield the issuer's name."""
    public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key()))
    here = {}

    async def discovery(request):
        return JSONResponse({"issuer": here["issuer"], "jwks_uri": f"{here['issuer']}/keys"})

    async def keys(request):
        return JSONResponse({"keys": [{**public, "kid": "k-1", "use": "sig", "alg": "RS256"}]})

    app = Starlette(
        routes=[Route("/.well-known/openid-configuration", discovery), Route("/keys", keys)]
    )
    async with listening(app) as url:
        here["issuer"] = url
        yield url


@pytest.fixture
async def door(ledger_server):
    names = Names()
    clock = Clock(now=now)
    ledger = await Ledger.connect(ledger_server.gateway_url, role="gateway", max_size=2)
    async with issuing() as issuer, issuers_client() as client:
        trusted = TrustedIssuer(
            issuer=issuer, audience="headrace", tenant_claim="tenant", scopes_claim="scope"
        )
        oidc = OidcIdentity(trusted, IssuerKeys(trusted, client).fetch, ledger, clock)
        identity = EitherIdentity(KeyIdentity(ledger, clock), Callers({}), {issuer: oidc})
        async with scene(ledger_server, [], names=names, identity=identity) as made:
            made.issuer = issuer
            yield made
    await ledger.close()


def bearing(door, key=KEY, **changes):
    claims = {
        "iss": door.issuer,
        "aud": "headrace",
        "sub": "user-7",
        "exp": now().timestamp() + 300,
        "tenant": door.names.tenant,
        "scope": "submit read",
        **changes,
    }
    text = jwt.encode(claims, key, algorithm="RS256", headers={"kid": "k-1"})
    return {"authorization": f"Bearer {text}"}


async def test_a_token_does_what_its_scopes_say_and_nothing_else(door):
    accepted = await door.submit(headers=bearing(door))
    assert accepted.status_code == 202, accepted.text
    run = f"{door.runs}/{accepted.json()['id']}"
    reader = bearing(door, scope="read")
    assert (await door.http.get(run, headers=reader)).status_code == 200
    assert (await door.submit(headers=reader)).status_code == 403
    assert (await door.http.post(f"{run}/cancel", headers=reader)).status_code == 403
    worker = bearing(door, scope="submit read operate work")
    claim = await door.http.post("/v1/work/claim", json=door.wish("r"), headers=worker)
    assert claim.status_code == 403


async def test_a_token_makes_keys_of_its_own_tenant_that_may_do_no_more(door):
    operator = bearing(door, scope="operate read")
    beyond = {"name": "ci", "scopes": ["submit"]}
    assert (await door.http.post("/v1/keys", json=beyond, headers=operator)).status_code == 403
    made = await door.http.post(
        "/v1/keys", json={"name": "ci", "scopes": ["read"]}, headers=operator
    )
    assert made.json()["tenant"] == door.names.tenant
    assert made.json()["createdBy"] == f"oidc:{door.issuer}#user-7"


async def test_another_tenants_pipeline_is_as_absent_as_one_that_is_not_there(door):
    other = Names()
    await door.operator.put_tenant(
        TenantRow(other.tenant, f"uid-{other.tenant}", (other.namespace,))
    )
    stranger = bearing(door, tenant=other.tenant)
    refused = await door.submit(headers=stranger)
    absent = await door.http.get(f"{door.runs[:-5]}-not/runs", headers=stranger)
    assert (refused.status_code, absent.status_code) == (404, 404)
    assert refused.json() == absent.json()


REFUSED = {
    "a tenant that is not there": {"tenant": "nobody-of-this-name"},
    "another audience": {"aud": "elsewhere"},
    "an issuer that is not trusted": {"iss": "https://evil.example"},
    "somebody else's signature": {"key": OTHER},
    "its time over": {"exp": 1},
}


async def test_every_bad_token_gets_the_same_words(door):
    said = []
    for changes in REFUSED.values():
        answer = await door.submit(headers=bearing(door, **changes))
        assert answer.status_code == 401, changes
        said.append((answer.json(), answer.headers["www-authenticate"]))
    assert all(one == said[0] for one in said)
