"""The OpenID Connect issuers that the platform trusts, as its configuration says them."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

Algorithm = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"
]
"""Public-key signatures only: a shared secret would let whoever verifies also sign."""
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def _address(value: str) -> str:
    parts = urlsplit(value)
    safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    if not safe or not parts.hostname or parts.query or parts.fragment or "@" in parts.netloc:
        message = "must be an https address without user, query or fragment"
        raise ValueError(message)
    return value


Address = Annotated[str, Field(max_length=1024), AfterValidator(_address)]
Scope = Literal["submit", "read", "operate"]
ClaimName = Annotated[str, Field(min_length=1, max_length=256)]


def is_safe_address(value: object) -> bool:
    """Say whether keys may be read from an address that a discovery document names."""
    try:
        return isinstance(value, str) and bool(_address(value))
    except ValueError:
        return False


class TrustedIssuer(BaseModel):
    """Who may sign tokens, for whom, and what they then allow.

    Rights are either read from a claim (`scopesClaim`) or the same for everybody (`scopes`).
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True
    )

    issuer: Address
    audience: Annotated[str, Field(min_length=1, max_length=256)]
    algorithms: Annotated[tuple[Algorithm, ...], Field(min_length=1)] = ("RS256",)
    jwks_uri: Address | None = None
    """Where the keys are; the issuer's discovery document says it when absent."""
    tenant_claim: ClaimName
    tenants: dict[str, str] | None = None
    """Values of the claim and the tenants that they mean; other values mean none.

    When absent, the claim holds the tenant's name.
    """
    scopes_claim: ClaimName | None = None
    scopes: Annotated[tuple[Scope, ...], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _one_source_of_rights(self) -> TrustedIssuer:
        if (self.scopes_claim is None) == (self.scopes is None):
            message = "exactly one of `scopesClaim` and `scopes` must be given"
            raise ValueError(message)
        return self
