"""Why a model call was kept back, as steps, events and problem documents say it: a closed table."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class LimitReason(StrEnum):
    """What stands in the way of a call."""

    WAITING_FOR_TOKENS = "WaitingForTokens"
    WAITING_FOR_REQUESTS = "WaitingForRequests"
    WAITING_FOR_CONCURRENCY = "WaitingForConcurrency"
    WAITING_FOR_BUDGET = "WaitingForBudget"
    COOLING_DOWN = "CoolingDown"
    PROVIDER_EXHAUSTED = "ProviderExhausted"
    CIRCUIT_OPEN = "CircuitOpen"
    PROVIDER_HELD = "ProviderHeld"
    LIMIT_TOO_SMALL = "LimitTooSmall"
    LIMIT_EXCEEDED = "LimitExceeded"
    BUDGET_EXHAUSTED = "BudgetExhausted"
    RUN_LIMIT_EXCEEDED = "RunLimitExceeded"


MEANING: Final[dict[LimitReason, str]] = {
    LimitReason.WAITING_FOR_TOKENS: "A limit of tokens is reached; the step is parked.",
    LimitReason.WAITING_FOR_REQUESTS: "A limit of calls is reached; the step is parked.",
    LimitReason.WAITING_FOR_CONCURRENCY: "Too many calls are under way; the step is parked.",
    LimitReason.WAITING_FOR_BUDGET: "A budget is used up for now; the step is parked.",
    LimitReason.COOLING_DOWN: "The provider asked everybody for a pause; the step is parked.",
    LimitReason.PROVIDER_EXHAUSTED: "By its own figures the provider has nothing left for now "
    "(`limitsFrom: ResponseHeaders`); the step is parked.",
    LimitReason.CIRCUIT_OPEN: "The provider fails and is left alone; the step is parked.",
    LimitReason.PROVIDER_HELD: "The provider is held by its `stopPolicy`; the step is parked.",
    LimitReason.LIMIT_TOO_SMALL: "The call may use more than a whole limit; the step fails.",
    LimitReason.LIMIT_EXCEEDED: "A limit with `onExceed: Reject` is reached; the step fails.",
    LimitReason.BUDGET_EXHAUSTED: "A budget with `onHard: Reject` is used up; the step fails.",
    LimitReason.RUN_LIMIT_EXCEEDED: "The run has used up a limit per run; the step fails.",
}
