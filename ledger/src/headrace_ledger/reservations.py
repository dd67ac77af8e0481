"""What a model call reserves and settles, and the mark of a step that has to wait."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final
from uuid import UUID

from headrace_contract.names import PLATFORM_TENANT

if TYPE_CHECKING:
    from decimal import Decimal

    from headrace_ledger.declared import Limit

NO_SUBJECT: Final = UUID(int=0)
BLOCK_SECONDS: Final = 60.0
"""How long a block is held whose gateway lives and does not settle it."""


@dataclass(frozen=True, slots=True)
class Draw:
    """What a call may use of one limit; `subject` is the run for a limit per run."""

    tenant: str
    limit_id: int
    resource: str
    amount: int
    subject: UUID = NO_SUBJECT

    @property
    def bucket(self) -> tuple[bool, str, int, int]:
        """The order in which buckets are locked, everywhere."""
        return (self.tenant != PLATFORM_TENANT, self.tenant, self.limit_id, self.subject.int)


@dataclass(frozen=True, slots=True)
class Reserve:
    """A call that is about to be made, and the most that it may use.

    `id` (UUIDv7) is made by the caller and names the call in the ledger later: asked again under
    it, it is the same reservation. Nobody heard of for `life_seconds`, it is settled as it stands.
    """

    tenant: str
    id: UUID
    task: UUID
    fence: int
    run: UUID
    step: str
    provider: str
    model: str
    input_tokens: int
    output_tokens: int
    cost: Decimal | None
    currency: str | None
    life_seconds: float
    draws: tuple[Draw, ...]


def block(limit: Limit, id_: UUID, units: int) -> Reserve:
    """Draw units of a limit for calls to come; they are of no task, and no call in the ledger."""
    return Reserve(
        tenant=limit.tenant,
        id=id_,
        task=NO_SUBJECT,
        fence=0,
        run=NO_SUBJECT,
        step="",
        provider="",
        model="",
        input_tokens=0,
        output_tokens=0,
        cost=None,
        currency=None,
        life_seconds=BLOCK_SECONDS,
        draws=(Draw(limit.tenant, limit.id, limit.resource, units),),
    )


class ReserveOutcome(StrEnum):
    RESERVED = "Reserved"
    BLOCKED = "Blocked"  # a limit stands in the way for `seconds`
    COOLING = "Cooling"  # the provider asked for a pause of `seconds`
    TOO_LARGE = "TooLarge"  # more than the whole limit: it would wait for ever
    EXHAUSTED = "Exhausted"  # a limit per run: it will not come back
    INVALID = "Invalid"  # this item could not be stored


@dataclass(frozen=True, slots=True)
class Reserved:
    """What became of a wish to call; the limit named is the one that blocks longest."""

    outcome: ReserveOutcome
    limit_id: int | None = None
    amount: int | None = None
    seconds: float = 0.0
    shadowed: tuple[int, ...] = ()
    """Limits in Shadow mode that would have blocked."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """What a call has really used; `calls` is 0 for one that never reached its provider."""

    tenant: str
    id: UUID
    input_tokens: int
    output_tokens: int
    cost: Decimal | None
    calls: int = 1


@dataclass(frozen=True, slots=True)
class ParkMark:
    """Whatever the lease of this fence does from now on, its task is parked.

    With `limit_id` it waits until that limit has room for `amount`, and `seconds` is what people
    are told; without it, it waits for `seconds`.
    """

    tenant: str
    task: UUID
    fence: int
    seconds: float
    reason: str
    limit_id: int | None = None
    amount: int | None = None
