"""One SQL function call = one round trip = one transaction; the ledger's only retries live here."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import asyncpg

from headrace_ledger.errors import RETRYABLE, ledger_errors

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

TRIES: Final = 4
_FIRST_WAIT: Final = 0.01


@dataclass(frozen=True, slots=True)
class Caller:
    """A pool of connections, and how to call a function over it."""

    pool: asyncpg.Pool[Any]
    rng: random.Random

    async def rows(self, function: str, *args: object) -> list[asyncpg.Record]:
        """Call a function; nothing has happened when it raises a retryable error."""
        sql = _sql(function, len(args))
        with ledger_errors():
            for attempt in range(TRIES):
                try:
                    return await self.pool.fetch(sql, *args)
                except asyncpg.PostgresError as exc:
                    if exc.sqlstate not in RETRYABLE or attempt == TRIES - 1:
                        raise
                await asyncio.sleep(self.rng.random() * _FIRST_WAIT * 2**attempt)
        raise AssertionError  # the last attempt has raised or returned

    async def row(self, function: str, *args: object) -> asyncpg.Record | None:
        rows = await self.rows(function, *args)
        return rows[0] if rows else None

    async def value(self, function: str, *args: object) -> Any:
        rows = await self.rows(function, *args)
        return rows[0][0] if rows else None


def _sql(function: str, arity: int) -> str:
    marks = ", ".join(f"${n}" for n in range(1, arity + 1))
    return f"SELECT * FROM headrace.{function}({marks})"  # noqa: S608 -- names are our own constants


class Verbs:
    """Base of the groups of verbs that `Ledger` is composed of."""

    _caller: Caller


def columns(items: Sequence[object], *names: str) -> list[list[Any]]:
    """Turn rows into columns, as the array parameters of a verb want them."""
    return [[getattr(item, name) for item in items] for name in names]
