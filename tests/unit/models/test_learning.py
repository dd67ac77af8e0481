"""When the ledger is told what a provider says of its limits."""

from __future__ import annotations

from dataclasses import dataclass, field

import make
from headrace_gateway.clock import Clock
from headrace_gateway.models.learning import Learning
from headrace_gateway.models.targets import Target
from headrace_ledger.errors import LedgerUnavailableError

AWAY = "the ledger is away"


@dataclass
class Heard:
    """Ledger and cool-downs in one: what they were told, and the time that a test gives."""

    limits: list[dict[str, int]] = field(default_factory=list)
    cooled: list[tuple[str, float, str]] = field(default_factory=list)
    at: float = 0.0
    away: bool = False

    async def learn_limits(self, provider, model, most):
        assert (provider, model) == ("p", "m")
        if self.away:
            raise LedgerUnavailableError(AWAY)
        self.limits.append(dict(most))

    async def cool(self, provider, seconds, reason):
        self.cooled.append((provider, seconds, reason))


def listening(*, learns=True):
    heard = Heard()
    learning = Learning(heard, heard, Clock(lambda: make.NOW, lambda: heard.at))
    target = Target("p", "m", "small", "http://p", None, None, 1, 1, 1, learns=learns)

    async def say(limit, remaining=5, reset="1s"):
        headers = {
            "x-ratelimit-limit-requests": str(limit),
            "x-ratelimit-remaining-requests": str(remaining),
            "x-ratelimit-reset-requests": reset,
        }
        await learning.heard(target, headers, 10)

    return heard, say


async def test_the_same_figure_is_told_once_a_minute():
    heard, say = listening()
    for heard.at in (0, 1, 59, 60, 61):
        await say(60)
    assert heard.limits == [{"requests": 60}, {"requests": 60}]


async def test_another_figure_is_told_soon_but_not_with_every_answer():
    heard, say = listening()
    for n in range(20):
        heard.at = n
        await say(60 + n % 2)
    assert len(heard.limits) == 4
    assert heard.limits[:2] == [{"requests": 60}, {"requests": 61}]


async def test_nothing_left_is_a_pause_of_that_model_of_ten_minutes_at_most():
    heard, say = listening()
    await say(60, 0, "2s")
    await say(60, 0, "7h0m0s")
    assert heard.cooled == [
        ("p/m", 2.0, "ProviderExhausted"),
        ("p/m", 600.0, "ProviderExhausted"),
    ]


async def test_an_answer_is_passed_on_while_the_ledger_is_away():
    heard, say = listening()
    heard.away = True
    await say(60)
    heard.away = False
    heard.at = 60
    await say(60)
    assert heard.limits == [{"requests": 60}]


async def test_a_provider_of_declared_limits_only_is_not_listened_to():
    heard, say = listening(learns=False)
    await say(60, 0)
    assert (heard.limits, heard.cooled) == ([], [])
