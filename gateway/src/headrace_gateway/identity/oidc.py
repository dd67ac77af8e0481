"""
OpenID Connect: tokens of people and programs that somebody else signs in.

A token's own word on who issued it only picks the verifier; then everything is verified. What
cannot be verified now is refused now.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, Protocol

import jwt

from headrace_gateway.errors import UnauthenticatedError, UnavailableError
from headrace_gateway.identity.caller import SCOPES, Caller
from headrace_gateway.identity.keys import KeyRing, KeysUnavailableError, header_of
from headrace_gateway.identity.verified import LEEWAY_SECONDS, Verified
from headrace_gateway.pools import Kept

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from headrace_gateway.clock import Clock
    from headrace_gateway.identity.issuers import TrustedIssuer

TENANT_SECONDS: Final = 4.0
SUBJECT_LENGTH: Final = 1024
_TENANT: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_PUBLIC: Final = frozenset({"RSA", "EC", "OKP"})


class Tenants(Protocol):
    """What is read of the ledger here."""

    async def tenant_exists(self, tenant: str) -> bool: ...


class OidcIdentity:
    """The tokens of one issuer: pinned issuer, audience and algorithms, keys by their id."""

    def __init__(
        self,
        trusted: TrustedIssuer,
        fetch: Callable[[], Awaitable[dict[str, Any]]],
        tenants: Tenants,
        clock: Clock,
    ) -> None:
        self._trusted = trusted
        self._ring = KeyRing(fetch, clock.monotonic)
        self._ledger = tenants
        self._tenants: Kept[str, str] = Kept(self._known_tenant, TENANT_SECONDS, clock.monotonic)
        self._verified = Verified(self._verify, expiry, clock)

    async def authenticate(self, headers: Mapping[str, str]) -> Caller:
        claims = await self._verified.claims(headers)
        tenant = tenant_in(claims, self._trusted)
        if tenant is None or await self._tenants.get(tenant) is None:
            raise UnauthenticatedError
        subject = f"oidc:{self._trusted.issuer}#{claims['sub']}"
        return Caller(subject, tenant, scopes_in(claims, self._trusted))

    async def _verify(self, token: str) -> dict[str, Any]:
        header = header_of(token)
        algorithm = header.get("alg")
        if algorithm not in self._trusted.algorithms:
            raise UnauthenticatedError
        try:
            found = await self._ring.find(str(header.get("kid", "")))
        except KeysUnavailableError as exc:
            message = "The keys of this token's issuer cannot be read; try again."
            raise UnavailableError(message) from exc
        if found is None or not may_verify(found, algorithm):
            raise UnauthenticatedError
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                jwt.PyJWK(found, algorithm=algorithm),
                algorithms=list(self._trusted.algorithms),
                audience=self._trusted.audience,
                issuer=self._trusted.issuer,
                leeway=LEEWAY_SECONDS,
                options={
                    "require": ["exp", "iss", "aud", "sub"],
                    "enforce_minimum_key_length": True,
                },
            )
            claims["exp"] = float(claims["exp"])
        except (
            jwt.PyJWTError,
            ValueError,
            OverflowError,
        ) as exc:  # of a key or a time that is none
            raise UnauthenticatedError from exc
        if not is_name(claims["sub"]):
            raise UnauthenticatedError
        return claims

    async def _known_tenant(self, tenant: str) -> str | None:
        return tenant if await self._ledger.tenant_exists(tenant) else None


def is_name(subject: str) -> bool:
    """Say whether a subject can be written down, in the ledger and in a log."""
    return 0 < len(subject) <= SUBJECT_LENGTH and subject.isprintable()


def may_verify(key: Mapping[str, Any], algorithm: str) -> bool:
    """Say whether a published key is for signatures of this algorithm; never a shared secret."""
    return (
        key.get("kty") in _PUBLIC
        and key.get("use", "sig") == "sig"
        and key.get("alg", algorithm) == algorithm
    )


def expiry(claims: dict[str, Any]) -> float:
    """Return when a verified token ends; the verifier has made it a number."""
    expires: float = claims["exp"]
    return expires


def tenant_in(claims: Mapping[str, Any], trusted: TrustedIssuer) -> str | None:
    """Return the one tenant that a token's claim means; None for none, and for several."""
    values = words(claims.get(trusted.tenant_claim))
    if trusted.tenants is not None:
        values = frozenset(trusted.tenants[one] for one in values if one in trusted.tenants)
    if len(values) != 1:
        return None
    [tenant] = values
    return tenant if _TENANT.fullmatch(tenant) else None


def scopes_in(claims: Mapping[str, Any], trusted: TrustedIssuer) -> frozenset[str]:
    """Return the rights that a token has; words that we do not know are no right."""
    if trusted.scopes is not None:
        return frozenset(trusted.scopes) & SCOPES
    claim = claims.get(trusted.scopes_claim or "")
    return (frozenset(claim.split()) if isinstance(claim, str) else words(claim)) & SCOPES


def words(claim: object) -> frozenset[str]:
    """Read a claim that is a text, or a list of them; anything else says nothing."""
    listed = [claim] if isinstance(claim, str) else claim if isinstance(claim, list) else []
    return frozenset(one for one in listed if isinstance(one, str))
