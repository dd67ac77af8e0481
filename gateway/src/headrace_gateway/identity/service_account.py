"""
Tokens of ServiceAccounts: who they are by the cluster's own keys, whose they are by the ledger.

The keys verify each token here; the API server is asked once per pod, since only it knows that
the pod still exists, and again whenever the keys cannot be had.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

import jwt

from headrace_contract.names import ADMIN_SERVICE_ACCOUNT, SYSTEM_NAMESPACE, TOKEN_AUDIENCE
from headrace_gateway.errors import UnauthenticatedError, UnavailableError
from headrace_gateway.identity.caller import READ, SCOPES, SUBMIT, WORK, Account, Caller
from headrace_gateway.identity.cluster import ClusterUnavailableError
from headrace_gateway.identity.verified import LEEWAY_SECONDS, Verified
from headrace_gateway.pools import Kept

if TYPE_CHECKING:
    from collections.abc import Mapping

    from headrace_gateway.clock import Clock
    from headrace_gateway.identity.keys import ClusterKeys
    from headrace_gateway.pools import PoolBook

TENANT_SECONDS: Final = 5.0
PODS_KEPT: Final = 20_000
ALGORITHMS: Final = ("RS256", "ES256", "ES384", "ES512")


@dataclass(frozen=True, slots=True)
class Claims:
    """What a verified token says."""

    account: Account
    pod_uid: str
    expires: float


class Reviewer(Protocol):
    """The API server's word on a token."""

    async def review(self, token: str) -> dict[str, Any] | None: ...


class Tenants(Protocol):
    async def tenant_of(self, namespace: str) -> str | None: ...


class ServiceAccountIdentity:
    """Fails closed: what cannot be verified now is refused now."""

    def __init__(
        self, keys: ClusterKeys, reviewer: Reviewer, tenants: Tenants, pools: PoolBook, clock: Clock
    ) -> None:  # fmt: skip
        self._keys = keys
        self._reviewer = reviewer
        self._pools = pools
        self._tenants: Kept[str, str] = Kept(tenants.tenant_of, TENANT_SECONDS, clock.monotonic)
        self._verified = Verified(self._verify, lambda claims: claims.expires, clock)
        self._reviewed: OrderedDict[tuple[str, str], None] = OrderedDict()

    async def authenticate(self, headers: Mapping[str, str]) -> Caller:
        claims = await self._verified.claims(headers)
        return await self._caller(claims.account)

    async def _verify(self, token: str) -> Claims:
        """Check signature, issuer, audience and time here; ask the cluster once per pod."""
        claims = await self._by_keys(token)
        if claims is None:
            claims = read_claims(_unverified(token))
            await self._review(token, claims)
        elif (claims.account.uid, claims.pod_uid) not in self._reviewed:
            await self._review(token, claims)
        self._reviewed[claims.account.uid, claims.pod_uid] = None
        while len(self._reviewed) > PODS_KEPT:
            self._reviewed.popitem(last=False)
        return claims

    async def _by_keys(self, token: str) -> Claims | None:
        """Read a token that the cluster's keys verify; None when they cannot be had."""
        try:
            key = await self._keys.key_for(token)
            issuer = await self._keys.issuer()
        except ClusterUnavailableError:
            return None
        if key is None:
            return None
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=list(ALGORITHMS),
                audience=TOKEN_AUDIENCE,
                issuer=issuer,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except jwt.PyJWTError as exc:
            raise UnauthenticatedError from exc
        return read_claims(claims)

    async def _review(self, token: str, claims: Claims) -> None:
        try:
            user = await self._reviewer.review(token)
        except ClusterUnavailableError as exc:
            message = "The cluster cannot be asked about this token; try again."
            raise UnavailableError(message) from exc
        account = claims.account
        name = f"system:serviceaccount:{account.namespace}:{account.name}"
        if user is None or user.get("username") != name or user.get("uid") != account.uid:
            raise UnauthenticatedError

    async def _caller(self, account: Account) -> Caller:
        subject = f"serviceaccount:{account.namespace}/{account.name}"
        if (account.namespace, account.name) == (SYSTEM_NAMESPACE, ADMIN_SERVICE_ACCOUNT):
            return Caller(subject, None, SCOPES, platform=True)
        tenant = await self._tenants.get(account.namespace)
        if tenant is None:
            raise UnauthenticatedError
        pipeline = await self._pools.pipeline_of(tenant, account)
        if pipeline is not None:
            return Caller(subject, tenant, frozenset({WORK}), pipeline=pipeline)
        if self._pools.is_workers_name(account):  # of a pipeline that is gone, or not there yet
            return Caller(subject, tenant, frozenset())
        return Caller(subject, tenant, frozenset({SUBMIT, READ}))


def _unverified(token: str) -> dict[str, Any]:
    """Read a token that the API server is about to judge, for the names to compare."""
    try:
        return jwt.decode(token, options={"verify_signature": False})
    except jwt.PyJWTError as exc:
        raise UnauthenticatedError from exc


def read_claims(claims: dict[str, Any]) -> Claims:
    """Take what Kubernetes puts into the tokens of ServiceAccounts."""
    said = claims.get("kubernetes.io")
    said = said if isinstance(said, dict) else {}
    account, pod = said.get("serviceaccount") or {}, said.get("pod") or {}
    namespace, name, uid = said.get("namespace"), account.get("name"), account.get("uid")
    expires = claims.get("exp")
    if not (isinstance(namespace, str) and isinstance(name, str) and isinstance(uid, str)):
        raise UnauthenticatedError
    if not isinstance(expires, (int, float)):
        raise UnauthenticatedError
    return Claims(Account(namespace, name, uid), str(pod.get("uid", "")), float(expires))
