"""What has been used of limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class Usage:
    """
    What has been used of a limit; `waiting` tasks are counted up to a thousand.

    What it may borrow and has lent is of this moment, and None for a limit that is in no cohort.
    """

    tenant: str
    owner: str
    name: str
    resource: str
    window: str
    capacity: int
    enforced: bool
    used: int
    reserved: int
    shadowed: int
    resets_at: datetime | None
    digest: str
    waiting: int
    borrowable: int | None = None
    most_borrowable: int | None = None
    """If nobody else used anything."""
    lent: int | None = None

    @property
    def available(self) -> int:
        """How much is left for new calls, with what may be borrowed at this moment."""
        return max(self.capacity + (self.borrowable or 0) - self.used - self.reserved, 0)

    @property
    def whole(self) -> int:
        """How much one call could use, if nothing was used by anybody."""
        return self.capacity + (self.most_borrowable or 0)
