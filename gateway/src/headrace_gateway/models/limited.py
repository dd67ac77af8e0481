"""What a call is told that a limit stands in the way of: to wait, and until when, or no."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from headrace_contract.failures import ErrorClass
from headrace_contract.waits import LimitReason
from headrace_gateway.models.openai_compatible import ProviderFailure
from headrace_gateway.models.refusals import LimitError
from headrace_ledger.cooldowns import CIRCUIT_OPEN, PROVIDER_EXHAUSTED
from headrace_ledger.reservations import ReserveOutcome

if TYPE_CHECKING:
    from headrace_gateway.models.metering import Rules
    from headrace_gateway.models.targets import Target
    from headrace_ledger.declared import Limit
    from headrace_ledger.reservations import Reserved

SMALLER_SECONDS: Final = 1.0
WAITS: Final = {
    "tokens": LimitReason.WAITING_FOR_TOKENS,
    "inputTokens": LimitReason.WAITING_FOR_TOKENS,
    "outputTokens": LimitReason.WAITING_FOR_TOKENS,
    "cost": LimitReason.WAITING_FOR_BUDGET,
}


class LimitFailure(ProviderFailure):
    """A limit stands in the way for some seconds; none does where the provider itself is shut."""

    def __init__(
        self,
        reason: LimitReason,
        text: str,
        seconds: float,
        limit: Limit | None = None,
        amount: int | None = None,
    ) -> None:
        super().__init__(ErrorClass.RATE_LIMITED, text, retry_after=seconds)
        self.reason = reason.value
        self.seconds = seconds
        self.limit_id = limit.id if limit else None
        self.resource = limit.resource if limit else "cooldown"
        self.amount = amount


def held_back(provider: str, seconds: float) -> LimitFailure:
    """Say that the platform team has stopped calls to a provider."""
    text = f"Provider '{provider}' is held by its `stopPolicy`."
    return LimitFailure(LimitReason.PROVIDER_HELD, text, seconds)


def overdrawn(rule: Rules, amount: int, seconds: float) -> LimitFailure:
    """Say that a budget has no room any more for a call that is under way."""
    text = f"The {rule.named} is overdrawn, and ends the calls under way."
    return LimitFailure(LimitReason.WAITING_FOR_BUDGET, text, seconds, rule.limit, amount)


def cooling(target: Target, reason: str, seconds: float) -> LimitFailure:
    """Say that nobody calls a provider, or its model, for a while."""
    if reason == CIRCUIT_OPEN:
        text = f"Provider '{target.provider}' fails and is left alone for a while."
        return LimitFailure(LimitReason.CIRCUIT_OPEN, text, seconds)
    if reason == PROVIDER_EXHAUSTED:
        text = f"Provider '{target.provider}' says that nothing is left of '{target.model}' now."
        return LimitFailure(LimitReason.PROVIDER_EXHAUSTED, text, seconds)
    text = f"Provider '{target.provider}' asked for a pause."
    return LimitFailure(LimitReason.COOLING_DOWN, text, seconds)


def refused(said: Reserved, rule: Rules) -> LimitFailure:
    """Say which limit stands in the way; raise LimitError where waiting is no use."""
    limit = rule.limit
    if said.outcome is ReserveOutcome.TOO_LARGE and not rule.learnt:
        asked, whole = rule.told(said.amount or 0), rule.told(limit.capacity)
        text = f"The call may use {asked}, the whole {rule.named} is {whole}."
        raise LimitError(text, LimitReason.LIMIT_TOO_SMALL)
    if said.outcome is ReserveOutcome.EXHAUSTED:
        text = f"The run has used up its {rule.named}."
        raise LimitError(text, LimitReason.RUN_LIMIT_EXCEEDED)
    if rule.rejects:
        reason = (
            LimitReason.BUDGET_EXHAUSTED if limit.resource == "cost" else LimitReason.LIMIT_EXCEEDED
        )
        text = f"The {rule.named} is used up, and rejects what is over it."
        raise LimitError(text, reason)
    reason = WAITS.get(limit.resource, LimitReason.WAITING_FOR_REQUESTS)
    if limit.window == "None":
        reason = LimitReason.WAITING_FOR_CONCURRENCY
    text = f"The {rule.named} is reached."
    # A learnt limit has become smaller at this very moment: the call asks again for all of it.
    seconds = said.seconds or SMALLER_SECONDS
    return LimitFailure(reason, text, seconds, limit, said.amount)
