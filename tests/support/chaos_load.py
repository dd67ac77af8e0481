"""A load client that journals each submit: attempted, and then acknowledged or unknown."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import aiohttp

if TYPE_CHECKING:
    from collections.abc import Sequence

AGAIN_SECONDS = 0.5
PATIENCE = aiohttp.ClientTimeout(total=20)


@dataclass
class Submits:
    """What was asked, by (tenant, idempotency key), and what came of it."""

    attempted: set[tuple[str, str]] = field(default_factory=set)
    acknowledged: dict[tuple[str, str], str] = field(default_factory=dict)
    """The run's id as the answer said it."""
    tries: int = 0
    refused: dict[int, int] = field(default_factory=dict)
    """Answers other than 202, by status."""

    @property
    def unknown(self) -> set[tuple[str, str]]:
        return self.attempted - set(self.acknowledged)


class Load:
    """Submits at a steady rate over all doors in turn.

    Of the submits without an acknowledgement every second one is asked again under its key until
    there is one; the others stay unknown, as with a client that has gone.
    """

    def __init__(self, doors: Sequence[str], keys: dict[str, str]) -> None:
        self._doors = doors
        self._keys = keys
        self.journal = Submits()

    async def run(self, wishes: Sequence[tuple[str, str]], rate: float) -> None:
        """Submit one run for each (tenant, path), so many a second."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        connector = aiohttp.TCPConnector(limit=64)
        async with (
            aiohttp.ClientSession(connector=connector, timeout=PATIENCE) as session,
            asyncio.TaskGroup() as group,
        ):
            for number, (tenant, path) in enumerate(wishes):
                await asyncio.sleep(max(0, began + number / rate - loop.time()))
                group.create_task(self._submit(session, tenant, path, number))

    async def _submit(
        self, session: aiohttp.ClientSession, tenant: str, path: str, number: int
    ) -> None:
        key = f"run-{number}"
        self.journal.attempted.add((tenant, key))
        headers = {"authorization": f"Bearer {self._keys[tenant]}", "idempotency-key": key}
        for turn in range(1000):
            door = self._doors[(number + turn) % len(self._doors)]
            self.journal.tries += 1
            try:
                async with session.post(
                    door + path, json={"topic": f"river {number}"}, headers=headers
                ) as answer:
                    if answer.status == 202:
                        said = await answer.json()
                        self.journal.acknowledged[tenant, key] = said["id"]
                        return
                    refused = self.journal.refused
                    refused[answer.status] = refused.get(answer.status, 0) + 1
            except (aiohttp.ClientError, TimeoutError):
                pass
            if number % 2:
                return
            await asyncio.sleep(AGAIN_SECONDS)
