"""Nothing is written while somebody else may be the operator."""

from __future__ import annotations

import asyncio

import pytest

import make
from headrace_operator.errors import ClusterUnavailableError, NotLeadingError
from headrace_operator.metrics import Metrics
from headrace_operator.reconcile.lead import Leadership
from worlds import Alone


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


async def test_passes_wait_until_the_lease_is_held():
    clock = Clock()
    lead = Leadership(Alone(), 30.0, clock, Metrics())
    waiting = asyncio.create_task(lead.wait())
    await asyncio.sleep(0)
    assert not waiting.done()
    await lead.take(lambda: make.NOW)
    await asyncio.wait_for(waiting, 5)
    assert lead.holds()


async def test_an_operator_that_was_stopped_does_not_go_on_by_itself():
    clock = Clock()
    lead = Leadership(Alone(), 30.0, clock, Metrics())
    await lead.take(lambda: make.NOW)
    clock.now += 31
    assert not lead.holds()
    waiting = asyncio.create_task(lead.wait())
    await asyncio.sleep(0)
    assert not waiting.done()
    waiting.cancel()


class Taken(Alone):
    async def renew(self, now):
        raise NotLeadingError("the Lease is held by 'another'")  # noqa: TRY003, EM101 -- said by a fake


async def test_a_successor_ends_it():
    lead = Leadership(Taken(), 0.003, Clock(), Metrics())
    await lead.take(lambda: make.NOW)
    with pytest.raises(NotLeadingError):
        await asyncio.wait_for(lead.keep(lambda: make.NOW), 5)
    assert not lead.holds()


class Shaky(Alone):
    tries = 0

    async def renew(self, now):
        self.tries += 1
        if self.tries < 3:
            raise ClusterUnavailableError("away")  # noqa: EM101 -- said by a fake
        raise NotLeadingError("enough")  # noqa: EM101 -- said by a fake


async def test_a_renewal_that_fails_is_tried_again():
    lease = Shaky()
    lead = Leadership(lease, 0.003, Clock(), Metrics())
    with pytest.raises(NotLeadingError):
        await asyncio.wait_for(lead.keep(lambda: make.NOW), 5)
    assert lease.tries == 3
