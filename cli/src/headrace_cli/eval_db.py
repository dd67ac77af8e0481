"""`headrace eval-db`: a PostgreSQL of one process, for evaluation only."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import unquote, urlsplit

import typer

from headrace_cli.errors import GivenError
from headrace_cli.migrate import LOGINS, OWNER, urls_from
from headrace_cli.printing import note
from headrace_cli.trouble import ledger_trouble
from headrace_ledger.embedded import EmbeddedLedger

DATABASE: Final = "headrace"
_PASSWORDS: Final = "passwords.json"
_PLAIN: Final = re.compile(r"[A-Za-z0-9_-]{1,200}")
_ANYBODY: Final = "host all all all scram-sha-256\n"


def passwords_from(environ: Mapping[str, str]) -> dict[str, str]:
    """Take the passwords out of the addresses that everybody else connects with."""
    owner, others = urls_from(environ)
    missing = LOGINS.keys() - others.keys()
    if missing:
        msg = f"{', '.join(LOGINS[part] for part in sorted(missing))} must be set"
        raise GivenError(msg)
    names = {"owner": OWNER, **LOGINS}
    return {
        part: _password(part, names[part], url) for part, url in {"owner": owner, **others}.items()
    }


def _password(part: str, variable: str, url: str) -> str:
    """Check an address without repeating it: only its name may be told."""
    parts = urlsplit(url)
    login = f"headrace_{part}_login"
    if unquote(parts.username or "") != login or parts.path != f"/{DATABASE}":
        msg = f"{variable} must be for login '{login}' and database '{DATABASE}'"
        raise GivenError(msg)
    if not _PLAIN.fullmatch(parts.password or ""):
        msg = f"{variable} must have a password of letters, digits, '-' and '_'"
        raise GivenError(msg)
    return parts.password or ""


@contextmanager
def evaluation_server(
    data: Path, passwords: Mapping[str, str], host: str, port: int
) -> Iterator[EmbeddedLedger]:
    """Serve until the block ends; logins and schema are in place before it begins."""
    data.mkdir(parents=True, exist_ok=True)
    kept = data / _PASSWORDS
    kept.touch(mode=0o600)
    kept.write_text(json.dumps(dict(passwords)))
    with EmbeddedLedger(data, listen=host, port=port) as server:
        _open_to_the_network(data / "pgdata")
        yield server


def _open_to_the_network(pgdata: Path) -> None:
    """Let logins in from other machines, by password; a fresh server knows loopback only."""
    rules = pgdata / "pg_hba.conf"
    if _ANYBODY not in rules.read_text():
        with rules.open("a") as file:
            file.write(_ANYBODY)
        process = int((pgdata / "postmaster.pid").read_text().split()[0])
        os.kill(process, signal.SIGHUP)


def command(
    data: Annotated[Path, typer.Option(help="Folder of its data.")] = Path("/var/lib/headrace"),
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 5432,
) -> None:
    """Serve a PostgreSQL for evaluation: no backup, no second copy, never for production.

    Logins and passwords are those of HEADRACE_LEDGER_URL (the owner), HEADRACE_LEDGER_GATEWAY_URL
    and HEADRACE_LEDGER_OPERATOR_URL.

    Example: headrace eval-db --data ./evaluation --port 5433
    """
    passwords = passwords_from(os.environ)
    # The server's own addresses, over its socket, name no port: the driver looks here then.
    os.environ["PGPORT"] = str(port)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    with ledger_trouble(), evaluation_server(data, passwords, host, port):
        note(f"PostgreSQL listens on {host}:{port}, for evaluation only")
        ended.wait()
