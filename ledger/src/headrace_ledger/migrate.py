"""
Bring a database to the schema of this version: forward only, one transaction, one at a time.

Numbered files in `migrations/` run once; every file in `functions/` is created again whenever one
of them has changed. What was ever installed is kept in `headrace.schema_versions`, so an older
program recognises a newer database as one that has been at its own schema, and N and N+1 run side
by side.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

import asyncpg

from headrace_ledger.errors import LedgerFaultError, ledger_errors

if TYPE_CHECKING:
    from collections.abc import Iterable
    from importlib.resources.abc import Traversable

OWNER: Final = "headrace_owner"
DEFINER: Final = "headrace_definer"
ROLES: Final = {"gateway": "headrace_gateway", "operator": "headrace_operator"}

DEFINERS: Final = frozenset(
    {
        "api_key_by_prefix",
        "audit",
        "borrowable",
        "claim_deliveries",
        "counts",
        "learn_limits",
        "lease_of_key",
        "month_costs",
        "pipeline",
        "pipeline_uids",
        "pools",
        "provider",
        "queued_on_platform",
        "scale_signal",
        "shares",
        "sweep",
        "tenant_of",
        "tenants",
        "workers_limited",
    }
)
"""The SECURITY DEFINER functions: what has no single tenant. A test holds the catalogue to it."""

_LOCK: Final = 0x6865616472616365  # "headrace" in ASCII
_STATE: Final = """
CREATE TABLE IF NOT EXISTS headrace.schema_versions (
  version   integer NOT NULL,
  functions text NOT NULL,
  at        timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (version, functions)
)"""


_EARLIER: Final = """
    SELECT p.oid::regprocedure::text AS signature, pg_get_userbyid(p.proowner) AS owner
    FROM pg_proc p
    WHERE p.pronamespace = 'headrace'::regnamespace AND p.proname = ANY ($1)
"""


@dataclass(frozen=True, slots=True)
class Script:
    """One SQL file: a migration, or a function."""

    name: str
    sql: str

    @property
    def number(self) -> int:
        return int(self.name.split("_", 1)[0])


def _scripts(folder: str) -> tuple[Script, ...]:
    files: Iterable[Traversable] = (resources.files("headrace_ledger") / folder).iterdir()
    named = sorted((f for f in files if f.name.endswith(".sql")), key=lambda f: f.name)
    return tuple(Script(f.name.removesuffix(".sql"), f.read_text("utf-8")) for f in named)


def migrations() -> tuple[Script, ...]:
    return _scripts("migrations")


def functions() -> tuple[Script, ...]:
    return _scripts("functions")


SCHEMA_VERSION: Final = max(m.number for m in migrations())
FUNCTIONS_DIGEST: Final = hashlib.sha256(
    "\0".join(f"{f.name}\0{f.sql}" for f in functions()).encode()
).hexdigest()


async def migrate(owner_url: str, *, logins: dict[str, str] | None = None) -> bool:
    """Migrate as the owner's login; `logins` maps `gateway` and `operator` to login roles.

    The login needs CREATEROLE for the first time, and CREATE on the database.
    Return False if there was nothing to do.
    """
    with ledger_errors():
        con = await asyncpg.connect(owner_url, timeout=30, statement_cache_size=0)
        try:
            async with con.transaction():
                await con.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
                done = await _bring_up(con)
                for part, login in (logins or {}).items():
                    await _grant(con, ROLES[part], login)
            return done
        finally:
            await con.close()


async def _bring_up(con: asyncpg.Connection) -> bool:
    if await con.fetchval("SELECT to_regclass('headrace.schema_versions') IS NULL"):
        await _found(con)
    await con.execute(f"SET LOCAL ROLE {OWNER}")
    seen = await con.fetch("SELECT version, functions FROM headrace.schema_versions")
    if (SCHEMA_VERSION, FUNCTIONS_DIGEST) in {(r["version"], r["functions"]) for r in seen}:
        await con.execute("RESET ROLE")
        return False
    at = max((r["version"] for r in seen), default=1)
    if at > SCHEMA_VERSION:
        message = f"the database is at {at}, this program at {SCHEMA_VERSION}: never backwards"
        raise LedgerFaultError(message)
    for script in migrations():
        if script.number > at:
            await con.execute(script.sql)
    await _create_functions(con)
    await con.execute(
        "INSERT INTO headrace.schema_versions (version, functions) VALUES ($1, $2)",
        SCHEMA_VERSION,
        FUNCTIONS_DIGEST,
    )
    await con.execute("RESET ROLE")
    return True


async def _found(con: asyncpg.Connection) -> None:
    """Make the roles and the schema: the only part that runs as the login itself."""
    await con.execute(migrations()[0].sql)
    await con.execute(f"CREATE SCHEMA IF NOT EXISTS headrace AUTHORIZATION {OWNER}")
    await con.execute(f"SET LOCAL ROLE {OWNER}")
    await con.execute(_STATE)
    await con.execute("RESET ROLE")


async def _drop_functions(con: asyncpg.Connection) -> None:
    """Drop what an earlier version called by these names: replacing keeps other signatures."""
    earlier = await con.fetch(_EARLIER, [script.name for script in functions()])
    for row in earlier:
        await con.execute(f"RESET ROLE; SET LOCAL ROLE {row['owner']}")
        await con.execute(f"DROP FUNCTION {row['signature']}")


async def _create_functions(con: asyncpg.Connection) -> None:
    """Create every function as its owner; nobody may call one that was not granted to them."""
    await _drop_functions(con)
    await con.execute(f"RESET ROLE; SET LOCAL ROLE {OWNER}")
    await con.execute("SET LOCAL check_function_bodies = off")
    await con.execute(f"GRANT CREATE ON SCHEMA headrace TO {DEFINER}")
    for script in functions():
        owner = DEFINER if script.name in DEFINERS else OWNER
        await con.execute(f"RESET ROLE; SET LOCAL ROLE {owner}")
        await con.execute(script.sql)
        await con.execute(f"REVOKE EXECUTE ON FUNCTION headrace.{script.name} FROM PUBLIC")
        if script.name not in DEFINERS:
            # What verbs call among themselves; what it may touch is the caller's own right.
            await con.execute(
                f"GRANT EXECUTE ON FUNCTION headrace.{script.name} "
                f"TO {DEFINER}, {', '.join(ROLES.values())}"
            )
    await con.execute(f"RESET ROLE; SET LOCAL ROLE {OWNER}")
    await con.execute(f"REVOKE CREATE ON SCHEMA headrace FROM {DEFINER}")


async def _grant(con: asyncpg.Connection, role: str, login: str) -> None:
    quoted = await con.fetchval("SELECT quote_ident($1)", login)
    if not await con.fetchval("SELECT pg_has_role($1, $2, 'USAGE')", login, role):
        await con.execute(f"GRANT {role} TO {quoted}")


def login_of(url: str) -> str:
    """Return the login role that a URL names."""
    return unquote(urlsplit(url).username or "")


def main() -> None:
    """Run as the migration Job: the owner's URL, and the other two for the grants, from the env."""
    urls = {part: os.environ.get(f"HEADRACE_LEDGER_{part.upper()}_URL") for part in ROLES}
    logins = {part: login_of(url) for part, url in urls.items() if url}
    asyncio.run(migrate(os.environ["HEADRACE_LEDGER_URL"], logins=logins))


if __name__ == "__main__":
    main()
