"""The checks after a fault test find what they are there for."""

from __future__ import annotations

import pytest

from chaos_faults import Fault
from chaos_invariants import (
    ModelCall,
    most_at_once,
    most_in_window,
    over_limit,
    overshoot,
    paid_twice,
)
from chaos_journal import Entry, Limit

WINDOW = Limit(1, "acme", "rpm", "requests", 2, 60.0)
PLACES = Limit(1, "acme", "at-once", "llmCalls", 2, None)
TOKENS = Limit(1, "acme", "tpm", "tokens", 20, 60.0)


def entry(number, at, gone, held=1, used=1):
    """A reservation; events have the order of their times."""
    settled = None if used is None else {1: used}
    return Entry(
        f"r{number}",
        "run",
        "draft",
        at,
        at,
        int(at * 100),
        gone,
        int(gone * 100),
        {1: held},
        settled,
    )


FOUND = {
    "a third call in the window is over the limit": (WINDOW, [(0, 1), (1, 2), (30, 31)], 1),
    "one that has left the window does not count": (WINDOW, [(0, 1), (1, 2), (60.5, 62)], 0),
    "a third call at once is over the limit": (PLACES, [(0, 5), (1, 6), (2, 3)], 1),
    "a place that was given back is free": (PLACES, [(0, 1), (2, 6), (3, 4)], 0),
}


@pytest.mark.parametrize(("limit", "calls", "wrong"), FOUND.values(), ids=FOUND)
def test_a_limit_is_replayed_call_by_call(limit, calls, wrong):
    entries = [entry(number, *times) for number, times in enumerate(calls)]
    assert len(over_limit(limit, entries)) == wrong


def test_what_is_not_used_of_a_reservation_is_free_at_once():
    held = [entry(0, 0, 10, held=15, used=5), entry(1, 5, 20, held=15, used=5)]
    assert len(over_limit(TOKENS, held)) == 1
    freed = [entry(0, 0, 4, held=15, used=5), entry(1, 5, 20, held=15, used=5)]
    assert over_limit(TOKENS, freed) == []


def test_an_estimate_that_was_too_low_is_told_apart():
    entries = [entry(0, 0, 4, held=10, used=14), entry(1, 1, 5, held=10, used=10)]
    assert over_limit(TOKENS, entries) == []
    assert overshoot(TOKENS, entries) == (4, 4)


def test_a_second_call_needs_a_crash_during_the_first():
    calls = [ModelCall("run", "draft", 1, 2), ModelCall("run", "draft", 9, 10)]
    entries = [entry(0, 1, 5), entry(1, 9, 11)]
    crash = Fault("worker", "worker-1", (1,), 3, 4)
    assert paid_twice(calls, entries, [crash]) == []
    assert len(paid_twice(calls, entries, [])) == 1
    late = Fault("worker", "worker-1", (1,), 7, 8)
    assert len(paid_twice(calls, entries, [late])) == 1


def test_the_model_counts_for_itself():
    calls = [ModelCall("run", "draft", at, at + 2) for at in (0, 1, 2)]
    assert most_at_once(calls) == 2
    assert most_in_window(calls, 7.5) == 3
    assert most_in_window(calls, 6.5) == 2
