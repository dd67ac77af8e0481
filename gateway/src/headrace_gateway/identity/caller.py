"""Who calls, and what that allows: decided once per request, from verified identity alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from headrace_gateway.errors import ForbiddenError

if TYPE_CHECKING:
    from collections.abc import Mapping

SUBMIT: Final = "submit"
READ: Final = "read"
OPERATE: Final = "operate"
WORK: Final = "work"
SCOPES: Final = frozenset({SUBMIT, READ, OPERATE})


@dataclass(frozen=True, slots=True)
class Account:
    """A ServiceAccount; one that was made anew under its name has another UID."""

    namespace: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class Caller:
    """A verified caller. `platform` may act for every tenant; `tenant` is then only a default.

    `pipeline` is the ledger's id of the one that a worker belongs to; only `dev` belongs to none.
    """

    subject: str
    tenant: str | None
    scopes: frozenset[str]
    platform: bool = False
    pipeline: int | None = None

    def need(self, *scopes: str) -> None:
        """Refuse a caller with none of these scopes, before anything is looked up."""
        if self.scopes.isdisjoint(scopes):
            has = ", ".join(sorted(self.scopes)) or "none"
            takes = " or ".join(f"'{scope}'" for scope in scopes)
            message = f"This caller may not do that: it takes the scope {takes}, it has {has}."
            raise ForbiddenError(message)

    def sees(self, tenant: str) -> bool:
        return self.platform or self.tenant == tenant

    def works_for(self, pipeline: int | None) -> bool:
        """Say whether a worker with this identity belongs to a pipeline."""
        return self.pipeline is None or self.pipeline == pipeline


class Identity(Protocol):
    """Finds out who calls; raises UnauthenticatedError for nobody that we know."""

    async def authenticate(self, headers: Mapping[str, str]) -> Caller: ...


def bearer(headers: Mapping[str, str]) -> str | None:
    """Return what stands after `Bearer` in the one header that we read credentials from."""
    scheme, _, value = headers.get("authorization", "").partition(" ")
    return value.strip() or None if scheme.lower() == "bearer" else None
