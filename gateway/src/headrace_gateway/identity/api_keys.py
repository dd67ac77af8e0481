"""API keys: 256 random bits, stored as a hash, found by a prefix, compared in constant time."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from pydantic import SecretStr

from headrace_gateway.errors import UnauthenticatedError
from headrace_gateway.identity.caller import SCOPES, Caller, bearer
from headrace_gateway.pools import Kept

if TYPE_CHECKING:
    from collections.abc import Mapping

    from headrace_gateway.clock import Chance, Clock
    from headrace_gateway.identity.key_use import KeyUse
    from headrace_ledger.declared import ApiKeyRow

# Kept no longer than this, so that a revoked key is refused within five seconds.
KEY_SECONDS: Final = 3.0
_FORM: Final = re.compile(r"^hr_([a-z0-9]{8})_([A-Za-z0-9_-]{43})$")
_ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz012345"


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made: its text is shown once."""

    text: SecretStr
    prefix: str
    hash: bytes


def make_key(chance: Chance) -> NewKey:
    prefix = "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in chance(8))
    secret = base64.urlsafe_b64encode(chance(32)).rstrip(b"=").decode()
    text = f"hr_{prefix}_{secret}"
    return NewKey(SecretStr(text), prefix, hash_of(text))


def hash_of(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def prefix_of(text: str) -> str | None:
    found = _FORM.match(text)
    return found.group(1) if found else None


class KeyStore(Protocol):
    """What is read of the ledger here."""

    async def api_key_by_prefix(self, prefix: str) -> ApiKeyRow | None: ...


class KeyIdentity:
    """Unknown, wrong, expired and revoked are the same refusal."""

    def __init__(self, ledger: KeyStore, clock: Clock, use: KeyUse | None = None) -> None:
        self._clock = clock
        self._use = use
        self._rows: Kept[str, ApiKeyRow] = Kept(
            ledger.api_key_by_prefix, KEY_SECONDS, clock.monotonic
        )

    async def authenticate(self, headers: Mapping[str, str]) -> Caller:
        text = bearer(headers) or ""
        prefix = prefix_of(text)
        row = await self._rows.get(prefix) if prefix else None
        if row is None or not hmac.compare_digest(row.hash, hash_of(text)) or not self._live(row):
            raise UnauthenticatedError
        if self._use is not None:
            self._use.note(row.tenant, row.id)
        return Caller(f"key:{row.id}", row.tenant, frozenset(row.scopes) & SCOPES)

    def _live(self, row: ApiKeyRow) -> bool:
        if row.revoked_at is not None:
            return False
        return row.expires_at is None or row.expires_at > self._clock.now()
