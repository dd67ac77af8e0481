"""API keys: only their hashes are here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from headrace_ledger.call import Verbs
from headrace_ledger.declared import ApiKeyRow

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import asyncpg


@dataclass(frozen=True, slots=True)
class KeyRotation:
    """The key that is to stand in for an old one; `may` are the scopes of whoever asks."""

    tenant: str
    old: str
    id: str
    prefix: str
    hash: bytes
    created_by: str
    may: tuple[str, ...]
    overlap_seconds: float


@dataclass(frozen=True, slots=True)
class RotatedKey:
    """`outcome` is Rotated, Absent or Beyond; `scopes` are the old key's, None if it is absent."""

    outcome: str
    name: str | None = None
    scopes: tuple[str, ...] | None = None
    created_at: datetime | None = None
    expires_at: datetime | None = None


class Keys(Verbs):
    """The verbs of API keys."""

    async def create_api_key(self, key: ApiKeyRow) -> bool:
        """Keep a new key; the same id again changes nothing. False: there is no such tenant."""
        made = await self._caller.value(
            "create_api_key",
            key.tenant,
            key.id,
            key.prefix,
            key.hash,
            key.name,
            list(key.scopes),
            key.created_by,
            key.expires_at,
        )
        return bool(made)

    async def api_key_by_prefix(self, prefix: str) -> ApiKeyRow | None:
        """Find a key across tenants; the caller has to match the hash, expiry and revocation."""
        row = await self._caller.row("api_key_by_prefix", prefix)
        return None if row is None else _key(row)

    async def api_keys(self, tenant: str) -> list[ApiKeyRow]:
        """Return a tenant's keys, revoked ones included."""
        return [_key(row) for row in await self._caller.rows("api_keys", tenant)]

    async def rotate_api_key(self, wanted: KeyRotation) -> RotatedKey:
        """Make a key that stands in for an old one, which ends after the overlap: one call."""
        row = await self._caller.row(
            "rotate_api_key",
            wanted.tenant,
            wanted.old,
            wanted.id,
            wanted.prefix,
            wanted.hash,
            wanted.created_by,
            list(wanted.may),
            wanted.overlap_seconds,
        )
        if row is None or row["outcome"] == "Absent":
            return RotatedKey("Absent")
        return RotatedKey(**{**row, "scopes": tuple(row["scopes"])})

    async def touch_api_keys(self, used: Sequence[tuple[str, str]]) -> int:
        """Note that keys, by tenant and id, were used; return for how many that was news."""
        tenants, ids = [tenant for tenant, _ in used], [key for _, key in used]
        return int(await self._caller.value("touch_api_keys", tenants, ids))

    async def revoke_api_key(self, tenant: str, key_id: str) -> bool:
        """Revoke a key; False if there is none, or it is revoked already."""
        return bool(await self._caller.value("revoke_api_key", tenant, key_id))


def _key(row: asyncpg.Record) -> ApiKeyRow:
    return ApiKeyRow(**{**row, "scopes": tuple(row["scopes"])})
