"""Limits: what is declared, what is used, and what a model call reserves and settles."""

from __future__ import annotations

import itertools
from decimal import ROUND_CEILING, Decimal
from typing import TYPE_CHECKING, Final

from headrace_ledger.call import Verbs, columns
from headrace_ledger.declared import Limit
from headrace_ledger.edge import flaw
from headrace_ledger.errors import InvalidItemError
from headrace_ledger.group import each
from headrace_ledger.reservations import Reserved, ReserveOutcome
from headrace_ledger.usages import Usage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from headrace_ledger.declared import LimitSet
    from headrace_ledger.group import Joined
    from headrace_ledger.reservations import Reserve, Settlement

NANO: Final = Decimal(1_000_000_000)


class Limits(Verbs):
    """The verbs of limits."""

    _gateway: UUID
    _reserves: Joined[Reserve, Reserved]
    _settlements: Joined[Settlement, None]

    async def put_limits(self, limits: LimitSet) -> None:
        """Write everything that an owner declares; an empty set removes it."""
        for row in limits.limits:
            reason = flaw(row)
            if reason is not None:
                raise InvalidItemError(reason)
        rows = columns(limits.limits, *_LIMIT)
        await self._caller.rows("put_limits", limits.tenant, limits.owner, limits.digest, *rows)

    async def learn_limits(self, provider: str, model: str, most: Mapping[str, int]) -> None:
        """Take what a provider says it allows a minute of a model, by resource.

        It is a limit of all tenants until nobody has said so for a quarter of an hour.
        """
        await self._caller.rows(
            "learn_limits", provider, model, list(most.keys()), list(most.values())
        )

    async def limits_of(self, tenant: str) -> list[Limit]:
        """Return every limit that calls of a tenant may meet, the providers' included."""
        return [Limit(*row) for row in await self._caller.rows("limits_of", tenant)]

    async def usage(self, tenant: str) -> list[Usage]:
        """Return what is used of a tenant's limits, or of the providers' (`_platform`)."""
        rows = await self._caller.rows("usage", tenant)
        lending = {tuple(row[:2]): row[2:] for row in await self._caller.rows("lending", tenant)}
        return [Usage(*row, *lending.get((row["owner"], row["name"]), ())) for row in rows]

    async def beat_gateway(self) -> None:
        """Say that this gateway lives; what it has reserved is held for another 30 s."""
        await self._caller.rows("beat_gateway", self._gateway)

    async def gateways(self) -> int:
        """Return how many gateways live."""
        return int(await self._caller.value("gateways"))

    async def reserve(self, wish: Reserve) -> Reserved:
        """Reserve a call, in one statement with whoever asks at the same time."""
        return await self._reserves.call(wish)

    async def settle(self, settlement: Settlement) -> None:
        """Settle a reservation; one that has been settled already stays as it is."""
        await self._settlements.call(settlement)

    async def reserve_many(self, wishes: Sequence[Reserve]) -> list[Reserved]:
        """Reserve in the order given: all that one call needs, or nothing of it."""
        return await each(wishes, self._reserve, lambda _, __: Reserved(ReserveOutcome.INVALID))

    async def settle_many(self, settlements: Sequence[Settlement]) -> list[None]:
        """Settle many reservations in one transaction."""
        await self._caller.rows(
            "settle_calls",
            *columns(settlements, "tenant", "id", "input_tokens", "output_tokens"),
            [nano(s.cost) for s in settlements],
            [s.calls for s in settlements],
        )
        return [None] * len(settlements)

    async def _reserve(self, wishes: Sequence[Reserve]) -> list[Reserved]:
        draws = [draw for wish in wishes for draw in wish.draws]
        by_bucket = {draw.bucket: draw for draw in draws}
        buckets = [by_bucket[key] for key in sorted(by_bucket)]
        place = {draw.bucket: n for n, draw in enumerate(buckets, 1)}
        ends = list(itertools.accumulate(len(wish.draws) for wish in wishes))
        rows = await self._caller.rows(
            "reserve",
            self._gateway,
            *columns(wishes, *_WISH),
            [end - len(wish.draws) + 1 for end, wish in zip(ends, wishes, strict=True)],
            ends,
            [place[draw.bucket] for draw in draws],
            *columns(draws, "amount", "resource"),
            *columns(buckets, "tenant", "limit_id", "subject"),
        )
        outcomes = sorted(rows, key=lambda row: int(row[0]))
        return [
            Reserved(ReserveOutcome(said), limit, amount, seconds, tuple(shadowed))
            for _, said, limit, amount, seconds, shadowed in outcomes
        ]


_LIMIT: Final = (
    "name",
    "resource",
    "window",
    "zone",
    "capacity",
    "enforced",
    "spec",
    "cohort",
    "borrowing",
    "lending",
)
_WISH: Final = (
    "tenant",
    "id",
    "task",
    "fence",
    "run",
    "step",
    "provider",
    "model",
    "input_tokens",
    "output_tokens",
    "cost",
    "currency",
    "life_seconds",
)


def nano(amount: Decimal | None) -> int:
    """Return billionths of a currency unit, rounded up: money is never counted as less."""
    return 0 if amount is None else int((amount * NANO).to_integral_value(ROUND_CEILING))
