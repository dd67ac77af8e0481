"""
A key for every step, and an id for every request.

The gateway and the ledger see a key's hash alone; the key opens the model endpoint for the one
step whose lease holds that hash. A key is never offered twice: if the answer to a claim is lost,
a lease may hold its hash already.
"""

from __future__ import annotations

import hashlib
import itertools
from typing import TYPE_CHECKING

from pydantic import SecretStr

from headrace_contract.protocol import Slot

if TYPE_CHECKING:
    from collections.abc import Callable


class Keys:
    """The keys that were offered with claims and not yet given up."""

    def __init__(self, new_key: Callable[[], str]) -> None:
        self._new_key = new_key
        self._offered: dict[str, SecretStr] = {}
        # A pod keeps its name when its container restarts, so the name alone would repeat ids.
        self._life = new_key()[:16]
        self._count = itertools.count(1)

    def request_id(self) -> str:
        return f"{self._life}-{next(self._count)}"

    def offer(self) -> Slot:
        """Make a key for a free slot and tell its hash."""
        key = self._new_key()
        key_hash = hashlib.sha256(key.encode()).hexdigest()
        self._offered[key_hash] = SecretStr(key)
        return Slot(key_hash=key_hash)

    def take(self, key_hash: str) -> SecretStr | None:
        """Give out the key that a lease was made for, once."""
        return self._offered.pop(key_hash, None)

    def withdraw(self, slots: list[Slot]) -> None:
        """Forget what was offered and not taken."""
        for slot in slots:
            self._offered.pop(slot.key_hash, None)
