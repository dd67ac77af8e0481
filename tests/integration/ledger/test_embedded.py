"""PostgreSQL from a wheel: apart from its neighbours, kept as asked, never left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import asyncpg
import pytest

from headrace_ledger.client import Ledger
from headrace_ledger.embedded import EmbeddedLedger
from headrace_ledger.errors import LedgerUnavailableError, UnsafeSettingsError

pytestmark = pytest.mark.postgres

ORPHAN = """
import sys, time
from headrace_ledger.embedded import EmbeddedLedger
with EmbeddedLedger() as server:
    print(server.admin_url, flush=True)
    sys.stdin.read()
"""


async def answers(url):
    try:
        con = await asyncpg.connect(url, timeout=5)
    except (OSError, asyncpg.PostgresError):
        return False
    await con.close()
    return True


async def test_two_at_once_share_nothing_and_both_are_gone_afterwards():
    with EmbeddedLedger() as one, EmbeddedLedger() as two:
        urls = [one.gateway_url, two.gateway_url]
        assert len(set(urls)) == 2
        assert [await answers(url) for url in urls] == [True, True]
    assert [await answers(url) for url in urls] == [False, False]


async def test_named_data_is_kept_and_keeps_its_logins(tmp_path):
    with EmbeddedLedger(tmp_path / "kept") as server:
        con = await asyncpg.connect(server.admin_url)
        await con.execute("CREATE TABLE public.kept AS SELECT 42 AS n")
        await con.close()
        before = server.url("gateway").split("@")[0]
    with EmbeddedLedger(tmp_path / "kept") as server:
        con = await asyncpg.connect(server.admin_url)
        assert await con.fetchval("SELECT n FROM public.kept") == 42
        await con.close()
        assert server.url("gateway").split("@")[0] == before
        ledger = await Ledger.connect(server.gateway_url, role="gateway")
        await ledger.check()
        await ledger.close()


async def test_it_does_not_outlive_its_process_even_a_killed_one(tmp_path):
    tmp_path.chmod(0o755)  # the server's own user walks through it
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", ORPHAN),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    url = (await process.stdout.readline()).decode().strip()
    assert await answers(url)
    os.kill(process.pid, signal.SIGKILL)
    await process.wait()
    until = time.monotonic() + 20
    while await answers(url) or list(tmp_path.iterdir()):
        assert time.monotonic() < until, f"left behind: {list(tmp_path.iterdir())}"
        await asyncio.sleep(0.05)


async def test_a_server_that_would_lose_commits_is_refused(ledger_server):
    unsafe = f"{ledger_server.gateway_url}&options=-csynchronous_commit%3Doff"
    with pytest.raises(UnsafeSettingsError):
        await Ledger.connect(unsafe, role="gateway")
    ledger = await Ledger.connect(unsafe, role="gateway", allow_unsafe=True)
    await ledger.close()


async def test_a_server_that_is_not_there_is_unavailable(tmp_path: Path):
    with pytest.raises(LedgerUnavailableError):
        await Ledger.connect(f"postgresql://a:b@/x?host={tmp_path}", role="gateway")
