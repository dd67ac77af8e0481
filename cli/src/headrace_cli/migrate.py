"""`headrace migrate`: bring the ledger's schema up to date."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from typing import Final

from headrace_cli.errors import GivenError
from headrace_cli.printing import say
from headrace_cli.trouble import ledger_trouble
from headrace_ledger.migrate import SCHEMA_VERSION, login_of, migrate

OWNER: Final = "HEADRACE_LEDGER_URL"
LOGINS: Final = {
    "gateway": "HEADRACE_LEDGER_GATEWAY_URL",
    "operator": "HEADRACE_LEDGER_OPERATOR_URL",
}


def urls_from(environ: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """Read the owner's address and those of the two logins; they hold passwords."""
    owner = environ.get(OWNER, "")
    if not owner:
        msg = f"the ledger's address must be in {OWNER}: it holds a password, so no option takes it"
        raise GivenError(msg)
    return owner, {part: environ[name] for part, name in LOGINS.items() if environ.get(name)}


def command() -> None:
    """Bring the ledger's schema up to date; safe to run again, and by several at once.

    Example: headrace migrate
    """
    owner, urls = urls_from(os.environ)
    logins = {part: login_of(url) for part, url in urls.items()}
    with ledger_trouble():
        changed = asyncio.run(migrate(owner, logins=logins))
    say(f"ledger/schema {'migrated to' if changed else 'unchanged at'} version {SCHEMA_VERSION}")
