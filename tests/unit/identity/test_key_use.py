"""The use of keys: noted at once, written apart, at most once a minute each."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime

import pytest

from headrace_gateway.clock import Clock
from headrace_gateway.errors import UnauthenticatedError
from headrace_gateway.identity.api_keys import KeyIdentity, make_key
from headrace_gateway.identity.key_use import AT_ONCE, KEYS_KEPT, KeyUse
from headrace_ledger.declared import ApiKeyRow
from headrace_ledger.errors import LedgerUnavailableError

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MADE = make_key(os.urandom)
ROW = ApiKeyRow("acme", "k-1", MADE.prefix, MADE.hash, "ci", ("read",), "op")


class Ledger:
    def __init__(self) -> None:
        self.away = False
        self.told: list[list[tuple[str, str]]] = []
        self.heard = asyncio.Event()

    async def touch_api_keys(self, used):
        if self.away:
            raise LedgerUnavailableError
        self.told.append(list(used))
        self.heard.set()
        return len(used)

    async def api_key_by_prefix(self, prefix):
        return ROW


class Setting:
    def __init__(self) -> None:
        self.ledger = Ledger()
        self.time = 0.0
        self.use = KeyUse(self.ledger, lambda: self.time)

    async def authenticate(self, text):
        clock = Clock(now=lambda: NOW, monotonic=lambda: self.time)
        identity = KeyIdentity(self.ledger, clock, self.use)
        return await identity.authenticate({"authorization": f"Bearer {text}"})


@pytest.fixture
def setting():
    return Setting()


async def test_a_key_that_opens_something_is_noted_and_nothing_is_written_yet(setting):
    await setting.authenticate(MADE.text.get_secret_value())
    assert setting.ledger.told == []
    await setting.use.write()
    assert setting.ledger.told == [[("acme", "k-1")]]


async def test_a_key_that_is_refused_was_not_used(setting):
    text = MADE.text.get_secret_value()
    with pytest.raises(UnauthenticatedError):
        await setting.authenticate(text[:-1] + ("A" if text[-1] != "A" else "B"))
    await setting.use.write()
    assert setting.ledger.told == []


async def test_a_key_is_written_once_a_minute(setting):
    for second in (0.0, 1.0, 59.0, 60.0, 61.0):
        setting.time = second
        setting.use.note("acme", "k-1")
        await setting.use.write()
    assert len(setting.ledger.told) == 2


async def test_what_the_ledger_did_not_take_is_told_again(setting):
    setting.ledger.away = True
    setting.use.note("acme", "k-1")
    await setting.use.write()
    setting.ledger.away = False
    await setting.use.write()
    await setting.use.write()
    assert setting.ledger.told == [[("acme", "k-1")]]


async def test_many_keys_are_told_in_bounded_calls_and_not_kept_without_bound(setting):
    for number in range(KEYS_KEPT + 5):
        setting.use.note("acme", str(number))
    await setting.use.write()
    assert {len(told) for told in setting.ledger.told} == {AT_ONCE}
    assert sum(len(told) for told in setting.ledger.told) == KEYS_KEPT


async def test_it_writes_until_it_is_cancelled(setting, monkeypatch):
    monkeypatch.setattr("headrace_gateway.identity.key_use.WRITE_SECONDS", 0.0)
    setting.use.note("acme", "k-1")
    running = asyncio.ensure_future(setting.use.run())
    async with asyncio.timeout(5):
        await setting.ledger.heard.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
