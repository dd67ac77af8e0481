"""What a figure rests on: read back from the server that it was taken on, never assumed."""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
import time
from typing import TYPE_CHECKING, Any

import asyncpg

if TYPE_CHECKING:
    from pathlib import Path

SYNCS = 200
PAGE = bytes(8192)


def of_postgres(url: str) -> dict[str, Any]:
    """Return the settings that decide what survives, as a session of this role has them."""
    return asyncio.run(_of_postgres(url))


async def _of_postgres(url: str) -> dict[str, Any]:
    names = ("fsync", "synchronous_commit", "full_page_writes", "server_version")
    connection = await asyncpg.connect(url)
    try:
        return {name: await connection.fetchval(f"SHOW {name}") for name in names}
    finally:
        await connection.close()


def disk_sync_ms(folder: Path | None = None) -> float:
    """Return the median of writing and syncing one page where temporary files go."""
    took = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(SYNCS):
            began = time.perf_counter()
            os.pwrite(file.fileno(), PAGE, 0)
            os.fdatasync(file.fileno())
            took.append(time.perf_counter() - began)
    return round(statistics.median(took) * 1000, 3)
