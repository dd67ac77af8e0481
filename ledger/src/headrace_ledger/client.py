"""The one client of the ledger: a pool of connections, its life, and the verbs."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, Final, Literal, Self
from uuid import UUID

import asyncpg

from headrace_ledger.call import Caller
from headrace_ledger.cooldowns import Cooldowns
from headrace_ledger.counts import Counts
from headrace_ledger.deliveries import Deliveries
from headrace_ledger.errors import (
    LedgerUnavailableError,
    SchemaTooOldError,
    UnsafeSettingsError,
    ledger_errors,
)
from headrace_ledger.group import Joined
from headrace_ledger.keys import Keys
from headrace_ledger.limits import Limits
from headrace_ledger.listen import Listener, Notifier
from headrace_ledger.migrate import FUNCTIONS_DIGEST, SCHEMA_VERSION
from headrace_ledger.models import Models
from headrace_ledger.rows import Rows
from headrace_ledger.runs import Runs
from headrace_ledger.sweep import Sweep
from headrace_ledger.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Iterable

Role = Literal["gateway", "operator"]

CONNECT_SECONDS: Final = 5.0
_SETTINGS: Final = {
    "lock_timeout": "2000",
    "idle_in_transaction_session_timeout": "10000",
    "jit": "off",
}
_STATEMENT_MS: Final[dict[Role, int]] = {"gateway": 10_000, "operator": 60_000}


class _Connection(asyncpg.Connection):
    """Nothing outlives a call: each verb is one transaction, and every setting is local to it."""

    def get_reset_query(self) -> str:
        return ""  # saves a round trip per call


class Ledger(Runs, Tasks, Models, Limits, Cooldowns, Counts, Keys, Rows, Sweep, Deliveries):
    """Every verb of the ledger; see the modules that it is composed of."""

    def __init__(self, caller: Caller, url: str, settings: dict[str, str]) -> None:
        self._caller = caller
        self._url = url
        self._settings = settings
        self._accepts = Joined(self.accept)
        self._completes = Joined(self.complete)
        self._reserves = Joined(self.reserve_many)
        self._settlements = Joined(self.settle_many)
        self._gateway = UUID(int=caller.rng.getrandbits(128))
        self._name = f"{caller.rng.getrandbits(48):x}"
        self._notifier = Notifier(lambda payload: caller.rows("notify", payload), self._name)

    @classmethod
    async def connect(  # noqa: PLR0913 -- a pool has that many knobs, all but two with defaults
        cls,
        url: str,
        *,
        role: Role,
        min_size: int = 2,
        max_size: int = 8,
        allow_unsafe: bool = False,
        rng: random.Random | None = None,
    ) -> Self:
        """Open the pool; refuse a server that would lose what it has acknowledged."""
        settings = {
            **_SETTINGS,
            "statement_timeout": str(_STATEMENT_MS[role]),
            "application_name": f"headrace-{role}",
        }
        pool: asyncpg.Pool[Any] = asyncpg.create_pool(
            url,
            min_size=min_size,
            max_size=max_size,
            max_inactive_connection_lifetime=0,
            timeout=CONNECT_SECONDS,
            command_timeout=_STATEMENT_MS[role] / 1000 + 5,
            max_cached_statement_lifetime=0,
            server_settings=settings,
            connection_class=_Connection,
        )
        with ledger_errors():
            await pool
        ledger = cls(Caller(pool, rng or random.Random()), url, settings)  # noqa: S311 -- jitter
        try:
            if not allow_unsafe:
                await ledger._refuse_unsafe()
        except BaseException:
            pool.terminate()
            raise
        return ledger

    async def close(self) -> None:
        """Let what is under way end, then close."""
        await self._notifier.close()
        with ledger_errors():
            await self._caller.pool.close()

    async def check(self) -> None:
        """Raise unless the ledger answers and has been at the schema of this program."""
        sql = "SELECT version, functions FROM headrace.schema_versions"
        with ledger_errors():
            rows = await self._caller.pool.fetch(sql)
        if (SCHEMA_VERSION, FUNCTIONS_DIGEST) not in {(r[0], r[1]) for r in rows}:
            message = f"the ledger has not been migrated to {SCHEMA_VERSION}"
            raise SchemaTooOldError(message)

    async def notify(self, pool_ids: Iterable[int] = (), runs: Iterable[UUID] = ()) -> None:
        """Wake the other gateways: at most one notification per 10 ms, and nobody waits for it."""
        self._notifier.add(pool_ids, runs)

    def listen(self) -> Listener:
        """Return the wakes of the other gateways, as an async context manager and iterator."""
        return Listener(self._connect_alone, self._caller.rng, self._name)

    async def _connect_alone(self) -> asyncpg.Connection:
        return await asyncpg.connect(
            self._url, timeout=CONNECT_SECONDS, server_settings=self._settings
        )

    async def _refuse_unsafe(self) -> None:
        sql = "SELECT current_setting('fsync'), current_setting('synchronous_commit')"
        with ledger_errors():
            row = await self._caller.pool.fetchrow(sql)
        if row is None:
            raise LedgerUnavailableError
        if row[0] == "off" or row[1] == "off":
            message = (
                f"fsync={row[0]}, synchronous_commit={row[1]}: acknowledged runs could be lost"
            )
            raise UnsafeSettingsError(message)
