"""What has been spent in a month, and what the whole of it will come to."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

HOURS_A_DAY: Final = 24
CENT: Final = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class MonthSpend:
    """One currency of a UTC month, such as '2026-11'."""

    currency: str
    month: str
    spent: Decimal
    forecast: Decimal | None
    """In hundredths; None on the first day, which says nothing about the others."""


def month_spend(costs: Mapping[str, Decimal], now: datetime) -> tuple[MonthSpend, ...]:
    """
    Say what a month costs by currency, of what was spent until `now` (UTC).

    The forecast is what was spent, over the part of the month that is over, in whole hours: it is
    told anew once an hour where nothing is spent, and not each time that somebody looks.
    """
    over = (now.day - 1) * HOURS_A_DAY + now.hour
    whole = calendar.monthrange(now.year, now.month)[1] * HOURS_A_DAY
    return tuple(
        MonthSpend(
            currency,
            f"{now:%Y-%m}",
            spent,
            (spent * whole / over).quantize(CENT, ROUND_HALF_UP) if over >= HOURS_A_DAY else None,
        )
        for currency, spent in sorted(costs.items())
    )
