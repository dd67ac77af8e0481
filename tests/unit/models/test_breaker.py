"""When a provider's circuit is opened and closed, as one gateway sees it."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from headrace_contract.failures import ErrorClass
from headrace_contract.resources.model_provider import CircuitBreaker
from headrace_gateway.metrics import Metrics
from headrace_gateway.models.breaker import Breaker
from headrace_gateway.models.openai_compatible import ProviderFailure
from headrace_gateway.models.ports import UpstreamUnreachableError
from headrace_gateway.models.targets import Target
from headrace_ledger.errors import LedgerUnavailableError

RULE = CircuitBreaker(consecutive_failures=3, open_for="30s", max_open_for="10m")
TIMEOUT = ProviderFailure(ErrorClass.TIMEOUT, "late")
UNREACHABLE = ProviderFailure(ErrorClass.PROVIDER_ERROR, "away")
AWAY = "the ledger is away"
UNREACHABLE.__cause__ = UpstreamUnreachableError("away")


@dataclass
class Circuits:
    """What the ledger was told; `closes` is its answer, None while it is away."""

    opened: list[tuple[str, float, float]] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    closes: bool | None = True

    async def open_circuit(self, provider, seconds, most_seconds):
        if self.closes is None:
            raise LedgerUnavailableError(AWAY)
        self.opened.append((provider, seconds, most_seconds))

    async def close_circuit(self, provider):
        if self.closes is None:
            raise LedgerUnavailableError(AWAY)
        self.closed.append(provider)
        return self.closes


@pytest.fixture
def circuits():
    return Circuits()


@pytest.fixture
def breaker(circuits):
    return Breaker(circuits, Metrics())


def target(breaker=RULE):
    return Target("p", "m", "small", "http://p", None, None, 1, 1, 1, breaker)


async def fail(breaker, times=1, failure=TIMEOUT, of=None):
    for _ in range(times):
        await breaker.failed(of or target(), failure)


async def test_it_opens_after_so_many_in_a_row(breaker, circuits):
    await fail(breaker, 2)
    await breaker.answered("p")
    await fail(breaker, 2)
    assert circuits.opened == []
    await fail(breaker)
    assert circuits.opened == [("p", 30, 600)]
    assert circuits.closed == []  # nothing was open when it answered


ILL = {
    "late": TIMEOUT,
    "away": UNREACHABLE,
    "500": ProviderFailure(ErrorClass.PROVIDER_ERROR, "", status=500),
    "529": ProviderFailure(ErrorClass.PROVIDER_ERROR, "", status=529),
}


@pytest.mark.parametrize("failure", ILL.values(), ids=ILL)
async def test_what_says_that_it_is_ill(breaker, circuits, failure):
    await fail(breaker, 3, failure)
    assert len(circuits.opened) == 1


WELL = {
    "429": ProviderFailure(ErrorClass.RATE_LIMITED, "", status=429),
    "400": ProviderFailure(ErrorClass.BAD_REQUEST, "", status=400),
    "401": ProviderFailure(ErrorClass.PROVIDER_ERROR, "", status=401),
    "no secret": ProviderFailure(ErrorClass.PROVIDER_ERROR, ""),
}


@pytest.mark.parametrize("failure", WELL.values(), ids=WELL)
async def test_what_does_not(breaker, circuits, failure):
    await fail(breaker, 9, failure)
    assert circuits.opened == []


async def test_without_a_rule_nothing_is_counted(breaker, circuits):
    await fail(breaker, 9, of=target(None))
    assert circuits.opened == []


async def test_after_it_was_open_one_failure_opens_it_again(breaker, circuits):
    breaker.doubt("p")  # another gateway has opened it
    await fail(breaker)
    assert len(circuits.opened) == 1


async def test_an_answer_closes_it_once(breaker, circuits):
    await fail(breaker, 3)
    circuits.closes = False  # of a call that began before it was opened
    await breaker.answered("p")
    circuits.closes = True
    await breaker.answered("p")
    await breaker.answered("p")
    assert circuits.closed == ["p", "p"]
    await fail(breaker, 2)
    assert len(circuits.opened) == 1


async def test_while_the_ledger_is_away_it_is_told_later(breaker, circuits):
    circuits.closes = None
    await fail(breaker, 3)
    await breaker.answered("p")
    circuits.closes = True
    await breaker.answered("p")
    assert circuits.closed == ["p"]
