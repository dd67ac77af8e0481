from __future__ import annotations

import asyncio

import ledger_rows as make
from headrace_ledger.listen import Notifier, parse, payloads
from headrace_ledger.records import Wake


def test_a_payload_is_read_as_it_was_written():
    run = make.uuid7()
    [payload] = payloads([f"r{run}", "p7", "p12"])
    assert parse(payload) == Wake(frozenset({7, 12}), frozenset({run}))


def test_words_of_a_newer_version_are_passed_over():
    assert parse("p1 x9 ") == Wake(frozenset({1}))


def test_no_payload_is_longer_than_postgresql_allows():
    packed = payloads(f"r{make.uuid7()}" for _ in range(1000))
    assert len(packed) > 1
    assert max(len(p) for p in packed) < 8000
    assert sum(len(parse(p).runs) for p in packed) == 1000


async def test_hints_of_one_turn_go_as_one_notification():
    sent = []

    async def send(payload):
        sent.append(payload)

    notifier = Notifier(send, "1")
    for pool in range(50):
        notifier.add([pool], [])
    await asyncio.sleep(0)
    await notifier.close()
    assert len(sent) == 1
    assert parse(sent[0]).pool_ids == frozenset(range(50))
