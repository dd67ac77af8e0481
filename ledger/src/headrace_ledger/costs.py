"""What calls cost, summed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from decimal import Decimal


@dataclass(frozen=True, slots=True)
class WorkersRow:
    """The ready workers of a pool at this moment."""

    pipeline_uid: str
    pool: str
    ready: int
    hourly: Decimal
    """What one of them costs an hour."""


@dataclass(frozen=True, slots=True)
class WorkerCostRecord:
    """How long the workers of one key (a pipeline or tenant) were ready, and what they cost."""

    key: str
    currency: str
    seconds: Decimal
    cost: Decimal


@dataclass(frozen=True, slots=True)
class CostRecord:
    """What the calls of one key (a pipeline, step, model, run or tenant) used, in one currency.

    `key` is empty for calls of what has been forgotten; `cost` and `currency` are None for calls
    without a price.
    """

    key: str
    currency: str | None
    calls: int
    input_tokens: int
    cached_input_tokens: int
    output_tokens: int
    reasoning_tokens: int
    cost: Decimal | None
