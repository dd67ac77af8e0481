"""An issuer outside the cluster: real signatures, a scripted publisher, a scripted clock."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta

import httpx2 as httpx
import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from headrace_gateway.clock import Clock
from headrace_gateway.identity.issuer_keys import IssuerKeys, issuers_client
from headrace_gateway.identity.issuers import TrustedIssuer
from headrace_gateway.identity.oidc import OidcIdentity

ISSUER = "https://login.acme.example/realms/staff"
KEYS = "https://login.acme.example/keys"
OURS, THEIRS = (rsa.generate_private_key(65537, 2048) for _ in range(2))
WEAK = rsa.generate_private_key(65537, 1024)
CURVE = ec.generate_private_key(ec.SECP256R1())
SECRET = "c2hhcmVkLXNlY3JldC1vZi10aGlydHktdHdvLWJ5dGVzISE"
NOW = time.time()


def jwk(key, kid="k-1", **more):
    form = (
        jwt.algorithms.RSAAlgorithm
        if hasattr(key, "private_numbers") and isinstance(key, rsa.RSAPrivateKey)
        else jwt.algorithms.ECAlgorithm
    )
    return {**json.loads(form.to_jwk(key.public_key())), "kid": kid, **more}


def claims(**changes):
    said = {
        "iss": ISSUER,
        "aud": ["headrace-gateway", "other"],
        "sub": "user-7",
        "exp": NOW + 600,
        "tenant": "acme",
        "scope": "openid submit read root work",
        **changes,
    }
    return {name: value for name, value in said.items() if value is not None}


def token(key=OURS, kid="k-1", algorithm="RS256", **changes) -> str:
    return jwt.encode(claims(**changes), key, algorithm=algorithm, headers={"kid": kid})


def trusted(**changes) -> TrustedIssuer:
    said = {
        "issuer": ISSUER,
        "audience": "headrace-gateway",
        "algorithms": ["RS256", "ES256"],
        "tenantClaim": "tenant",
        "scopesClaim": "scope",
        **changes,
    }
    return TrustedIssuer.model_validate({n: v for n, v in said.items() if v is not None})


class Publisher:
    """An issuer's web server, that can be away."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.away = False
        self.discovery: dict = {"issuer": ISSUER, "jwks_uri": KEYS}
        self.keys: object = {"keys": [jwk(OURS), jwk(CURVE, "k-ec"), jwk(WEAK, "k-weak")]}
        self.answer: httpx.Response | None = None

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.calls.append(str(request.url))
        if self.away:
            message = "away"
            raise httpx.ConnectError(message)
        if str(request.url).endswith("/.well-known/openid-configuration"):
            return httpx.Response(200, json=self.discovery)
        return self.answer or httpx.Response(200, json=self.keys)


class Frozen(datetime):
    """PyJWT's clock stands at NOW, however long after the import a test has its turn."""

    @classmethod
    def now(cls, tz=None):
        return datetime.fromtimestamp(NOW, tz)


class Tenants:
    def __init__(self) -> None:
        self.there = {"acme", "umbrella"}

    async def tenant_exists(self, tenant):
        return tenant in self.there


class Setting:
    def __init__(self, **changes) -> None:
        self.publisher = Publisher()
        self.tenants = Tenants()
        self.time = 0.0
        self.issuer = trusted(**changes)
        client = issuers_client(httpx.MockTransport(self.publisher))
        clock = Clock(
            now=lambda: datetime.fromtimestamp(NOW, UTC) + timedelta(seconds=self.time),
            monotonic=lambda: self.time,
        )
        self.identity = OidcIdentity(
            self.issuer, IssuerKeys(self.issuer, client).fetch, self.tenants, clock
        )

    async def who(self, text: str):
        return await self.identity.authenticate({"authorization": f"Bearer {text}"})
