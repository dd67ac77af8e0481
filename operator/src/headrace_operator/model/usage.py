"""What the ledger says of limits, in our words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class Usage:
    """How one limit stands; a cost in billionths of its currency, the rest as it is."""

    owner: str
    name: str
    resource: str
    window: str
    capacity: int
    used: int
    """Without what is reserved."""
    reserved: int
    shadowed: int
    waiting: int
    resets_at: datetime | None
    digest: str
    """Of all limits of the owner."""
    borrowable: int | None = None
    """What more its cohort would lend at this moment; None for a limit that is in none."""
    lent: int | None = None

    @property
    def available(self) -> int:
        return max(0, self.capacity + (self.borrowable or 0) - self.used - self.reserved)

    @property
    def borrowed(self) -> int | None:
        """Say how much is used beyond its own; None for a limit that is in no cohort."""
        if self.borrowable is None:
            return None
        return max(0, self.used + self.reserved - self.capacity)

    @property
    def percent(self) -> int:
        """Say how much of it is gone, calls that are under way included."""
        if self.capacity == 0:  # it admits nothing: that is full once somebody waits
            return 100 if self.used or self.waiting else 0
        return 100 * (self.used + self.reserved) // self.capacity


@dataclass(frozen=True, slots=True)
class Cooldown:
    """A provider that nobody may call, or a model of it, until when and why."""

    subject: str
    """The provider's name, or `provider/model`."""
    until: datetime
    reason: str

    @property
    def provider(self) -> str:
        return self.subject.partition("/")[0]

    @property
    def model(self) -> str:
        """Name the model that is meant alone; empty for all of the provider's."""
        return self.subject.partition("/")[2]


def digest_of(usages: Iterable[Usage]) -> str:
    """Say which limits the ledger has of an owner; the empty string if none."""
    return next((usage.digest for usage in usages), "")
