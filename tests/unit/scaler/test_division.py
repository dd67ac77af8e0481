"""How a tenant's workers are divided, as arithmetic."""

from __future__ import annotations

from operator import le

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace_gateway.division import Ask, ask, divide
from headrace_ledger.declared import PoolCounts, PoolRecord

DIVISIONS = {
    "enough for all": (9, [(0, 4), (0, 5)], [4, 5]),
    "even shares": (4, [(0, 9), (0, 9)], [2, 2]),
    "what one does not ask for is another's": (6, [(0, 1), (0, 9)], [1, 5]),
    "what cannot be divided goes to the first": (5, [(0, 9), (0, 9)], [3, 2]),
    "a pool without work gets none": (5, [(0, 0), (0, 9)], [0, 5]),
    "a pool keeps what it runs": (4, [(4, 9), (0, 9)], [4, 0]),
    "the others get what it lets go": (4, [(3, 9), (0, 9)], [3, 1]),
    "more run than may: nobody gets more": (2, [(3, 9), (1, 9)], [3, 1]),
    "no worker at all": (0, [(0, 9), (0, 1)], [0, 0]),
    "no worker at all, but one still runs": (0, [(1, 9)], [1]),
}


def asks(pools):
    return [Ask(n, running, wanted) for n, (running, wanted) in enumerate(pools, 1)]


@pytest.mark.parametrize(("most", "pools", "want"), DIVISIONS.values(), ids=DIVISIONS)
def test_a_pool_is_granted(most, pools, want):
    assert [one.granted for one in divide(most, asks(pools), 0)] == want


def test_a_pool_over_its_share_may_begin_nothing_new():
    over, waits = divide(4, asks([(4, 9), (0, 9)]), 0)
    assert (over.share, waits.share) == (2, 2)


def test_fewer_workers_than_pools_with_work_go_round():
    pools = asks([(0, 9), (0, 0), (0, 9), (0, 9)])
    first = [[one.pool_id for one in divide(1, pools, turn) if one.share] for turn in range(4)]
    assert first == [[1], [3], [4], [1]]


def test_without_a_limit_in_force_what_is_asked_for_is_told_and_nothing_granted():
    [one] = divide(None, asks([(1, 7)]), 0)
    assert (one.asked, one.share, one.granted) == (7, None, None)


POOLS = st.lists(
    st.tuples(st.integers(0, 20), st.integers(0, 20)).map(lambda p: (p[0], max(p))), max_size=8
)


@given(most=st.integers(0, 40), pools=POOLS, turn=st.integers(0, 9))
def test_a_division_keeps_its_promises(most, pools, turn):
    grants = divide(most, asks(pools), turn)
    running = [pool[0] for pool in pools]
    wanted = [pool[1] for pool in pools]
    granted = [one.granted for one in grants]
    share = [one.share for one in grants]
    assert sum(granted) <= max(most, sum(running))
    assert sum(share) == min(most, sum(wanted))  # nothing is left over while somebody asks
    assert all(map(le, running, granted))
    assert all(map(le, granted, wanted))
    for mine, asked in zip(share, wanted, strict=True):
        assert mine == asked or mine >= max(share) - 1  # who gets less than asked is nearly first
    if most >= sum(asked > 0 for asked in wanted):
        assert all(mine > 0 for mine, asked in zip(share, wanted, strict=True) if asked)


def test_work_is_counted_in_workers_up_to_the_most_that_the_pool_may_have():
    pool = PoolRecord(
        "t", 1, 1, "u", "n", "p", "main", "a", "b", "o", 4, 3, held=False, draining=False
    )
    counts = PoolCounts("t", 1, "n", "p", "main", 40, 5, 0, 0, 0.0, held=False)
    assert ask(counts, pool) == Ask(1, 2, 3)
    held = PoolCounts("t", 1, "n", "p", "main", 40, 5, 0, 0, 0.0, held=True)
    assert ask(held, pool) == Ask(1, 2, 2)
    fed = PoolCounts("t", 1, "n", "p", "main", 40, 0, 0, 0, 0.0, held=False, workers_fed=1)
    assert ask(fed, pool) == Ask(1, 0, 1)
