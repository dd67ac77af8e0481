"""Tokens of ServiceAccounts: real signatures, a scripted API server."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import replace
from datetime import UTC, datetime

import httpx2 as httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from headrace_contract.names import pipeline_name
from headrace_gateway.clock import Clock
from headrace_gateway.errors import UnauthenticatedError, UnavailableError
from headrace_gateway.identity.cluster import ApiServer
from headrace_gateway.identity.keys import ClusterKeys
from headrace_gateway.identity.service_account import ServiceAccountIdentity
from headrace_gateway.pools import PoolBook
from headrace_ledger.declared import PoolRecord

ISSUER = "https://kubernetes.default.svc.cluster.local"
OURS, THEIRS = (rsa.generate_private_key(65537, 2048) for _ in range(2))


def jwks(key, kid="k-1"):
    public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))
    return {"keys": [{**public, "kid": kid, "use": "sig", "alg": "RS256"}]}


def claims(**changes):
    now = time.time()
    return {
        "iss": ISSUER,
        "aud": ["headrace"],
        "sub": "system:serviceaccount:team-a:draft-worker",
        "exp": now + 600,
        "iat": now,
        "nbf": now,
        "kubernetes.io": {
            "namespace": changes.pop("namespace", "team-a"),
            "serviceaccount": {
                "name": changes.pop("name", "draft-worker"),
                "uid": changes.pop("uid", "sa-1"),
            },
            "pod": {"name": "p-1", "uid": changes.pop("pod", "pod-1")},
        },
        **changes,
    }


def token(key=OURS, kid="k-1", algorithm="RS256", **changes) -> str:
    return jwt.encode(claims(**changes), key, algorithm=algorithm, headers={"kid": kid})


class Api:
    """An API server that can be away, and says who a token is."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.away: set[str] = set()
        self.user: dict | None = None
        self.keys = jwks(OURS)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        self.calls.append(path)
        if any(part in path for part in self.away):
            return httpx.Response(500)
        if path.endswith("openid-configuration"):
            return httpx.Response(200, json={"issuer": ISSUER})
        if path.endswith("jwks"):
            return httpx.Response(200, json=self.keys)
        return httpx.Response(201, json={"status": self._review(json.loads(request.content))})

    def _review(self, body):
        said = jwt.decode(body["spec"]["token"], options={"verify_signature": False})
        account = said["kubernetes.io"]["serviceaccount"]
        name = f"system:serviceaccount:{said['kubernetes.io']['namespace']}:{account['name']}"
        user = self.user or {"username": name, "uid": account["uid"]}
        return {"authenticated": self.user != {}, "audiences": ["headrace"], "user": user}

    def reviews(self) -> int:
        return sum("tokenreviews" in path for path in self.calls)


class Rows:
    """The ledger's pools: one pipeline, and the account that works for it."""

    def __init__(self) -> None:
        self.rows = [
            PoolRecord("acme", 7, 5, "uid-1", "team-a", "draft", "main", "draft-worker", "sa-1",
                       "draft-main", 1, 1, held=False, draining=False)
        ]  # fmt: skip

    async def pools(self):
        return self.rows


class Tenants:
    async def tenant_of(self, namespace):
        return "acme" if namespace == "team-a" else None


class Setting:
    def __init__(self, tmp_path) -> None:
        (tmp_path / "token").write_text("own")
        self.api = Api()
        self.time = 0.0
        server = ApiServer("https://api", tmp_path / "token", None, httpx.MockTransport(self.api))
        clock = Clock(now=lambda: datetime.now(UTC), monotonic=lambda: self.time)  # noqa: TID251 -- tokens are real
        self.rows = Rows()
        self.identity = ServiceAccountIdentity(
            ClusterKeys(server, clock.monotonic), server, Tenants(), PoolBook(self.rows, clock),
            clock,
        )  # fmt: skip

    async def who(self, text: str):
        return await self.identity.authenticate({"authorization": f"Bearer {text}"})


@pytest.fixture
def setting(tmp_path):
    return Setting(tmp_path)


async def test_a_pools_own_account_works_and_does_nothing_else(setting):
    caller = await setting.who(token())
    assert (caller.tenant, caller.scopes) == ("acme", {"work"})
    assert caller.works_for(5)
    assert not caller.works_for(6)


NOBODYS = {
    "of the name, made by somebody else": {"uid": "sa-0"},
    "of a pipeline that is gone": {"name": pipeline_name("essay"), "uid": "sa-3"},
    "of one with a long name": {"name": pipeline_name("essay" * 12), "uid": "sa-4"},
}


@pytest.mark.parametrize("account", NOBODYS.values(), ids=NOBODYS)
async def test_an_account_for_workers_opens_nothing_that_is(setting, account):
    caller = await setting.who(token(**account))
    assert (caller.tenant, caller.scopes, caller.pipeline) == ("acme", frozenset(), None)


async def test_a_workers_token_opens_nothing_when_its_pipeline_is_made_anew(setting):
    assert (await setting.who(token())).pipeline == 5
    setting.rows.rows = [replace(setting.rows.rows[0], pipeline_id=6, service_account_uid="sa-2")]
    setting.time += 6
    assert (await setting.who(token())).scopes == frozenset()
    new = await setting.who(token(uid="sa-2", pod="pod-2"))
    assert (new.pipeline, new.scopes) == (6, {"work"})


@pytest.mark.parametrize("name", ["app", "ci-facade", "x-abcdef"])
async def test_other_accounts_of_a_tenant_submit_and_read(setting, name):
    caller = await setting.who(token(name=name, uid="sa-9"))
    assert (caller.tenant, caller.scopes) == ("acme", {"submit", "read"})


async def test_the_platforms_account_operates_for_every_tenant(setting):
    caller = await setting.who(token(namespace="headrace-system", name="headrace-admin"))
    assert (caller.tenant, caller.platform) == (None, True)
    assert "operate" in caller.scopes


async def test_an_account_of_no_tenant_is_nobody(setting):
    with pytest.raises(UnauthenticatedError):
        await setting.who(token(namespace="team-z", name="app"))


FORGED = {
    "signed by somebody else": {"key": THEIRS},
    "for another audience": {"aud": ["https://kubernetes.default.svc"]},
    "of another issuer": {"iss": "https://elsewhere"},
    "expired": {"exp": time.time() - 120},
    "not yet valid": {"nbf": time.time() + 600},
    "without an expiry": {"exp": None},
}


@pytest.mark.parametrize("change", FORGED.values(), ids=FORGED)
async def test_a_token_is_refused_that_is(setting, change):
    made = token(**change)
    with pytest.raises(UnauthenticatedError):
        await setting.who(made)
    assert setting.api.reviews() == 0


async def test_a_token_without_signature_is_refused(setting):
    setting.api.user = {}
    unsigned = jwt.encode(claims(), None, algorithm="none", headers={"kid": "k-1"})
    with pytest.raises(UnauthenticatedError):
        await setting.who(unsigned)


@pytest.mark.parametrize("text", ["", "a.b.c", "not a token", "a" * 10_000])
async def test_what_is_no_token_is_nobody(setting, text):
    with pytest.raises(UnauthenticatedError):
        await setting.who(text)


async def test_the_cluster_is_asked_once_per_pod(setting):
    for _ in range(3):
        await setting.who(token(exp=time.time() + 600 + _))
    assert setting.api.reviews() == 1
    await setting.who(token(pod="pod-2"))
    assert setting.api.reviews() == 2


async def test_a_pod_that_the_cluster_does_not_know_is_refused(setting):
    setting.api.user = {}
    with pytest.raises(UnauthenticatedError):
        await setting.who(token())


async def test_an_account_made_again_under_the_same_name_is_another(setting):
    name = "system:serviceaccount:team-a:draft-worker"
    setting.api.user = {"username": name, "uid": "sa-2"}
    with pytest.raises(UnauthenticatedError):
        await setting.who(token())


@pytest.mark.parametrize("away", ["jwks", "openid-configuration"])
async def test_without_the_clusters_keys_the_cluster_is_asked(setting, away):
    setting.api.away = {away}
    assert (await setting.who(token())).tenant == "acme"
    assert setting.api.reviews() == 1


UNKNOWN = {
    "of a key that is not known": lambda n: token(kid=f"k-{n + 9}"),
    "of no key": lambda n: jwt.encode(claims(pod=f"pod-{n}"), OURS, algorithm="RS256"),
    "of nothing like a token": lambda n: f"a.b.{n}",
}


@pytest.mark.parametrize("forge", UNKNOWN.values(), ids=UNKNOWN)
async def test_forged_tokens_cost_the_cluster_nothing(setting, forge):
    for n in range(20):
        with pytest.raises(UnauthenticatedError):
            await setting.who(forge(n))
    assert setting.api.reviews() == 0
    assert sum("jwks" in path for path in setting.api.calls) <= 1


async def test_many_tokens_at_once_wait_for_the_keys_and_cost_one_read(setting):
    pods = [token(pod=f"pod-{n}") for n in range(5)]
    assert len(await asyncio.gather(*(setting.who(pod) for pod in pods))) == 5
    assert sum("jwks" in path for path in setting.api.calls) == 1


async def test_a_new_key_of_the_cluster_is_found(setting):
    await setting.who(token())
    setting.api.keys = jwks(OURS, "k-2")
    setting.time += 11
    assert (await setting.who(token(kid="k-2"))).tenant == "acme"


async def test_a_key_that_cannot_be_looked_for_sends_its_token_to_the_cluster(setting):
    await setting.who(token())
    setting.api.away = {"jwks"}
    setting.time += 11
    assert (await setting.who(token(kid="k-9", pod="pod-9"))).tenant == "acme"
    assert setting.api.reviews() == 2


async def test_when_the_cluster_cannot_be_asked_nobody_new_gets_in(setting):
    setting.api.away = {"tokenreviews"}
    with pytest.raises(UnavailableError):
        await setting.who(token())


async def test_who_is_known_stays_known_while_the_cluster_is_away(setting):
    await setting.who(token())
    setting.api.away = {"jwks", "tokenreviews", "openid"}
    assert (await setting.who(token(exp=time.time() + 900))).tenant == "acme"
