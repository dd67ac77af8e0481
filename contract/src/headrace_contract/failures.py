"""Error classes of a step, and what each leads to: one closed table."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class ErrorClass(StrEnum):
    """Why an attempt of a step did not succeed."""

    RATE_LIMITED = "RateLimited"
    PROVIDER_ERROR = "ProviderError"
    TIMEOUT = "Timeout"
    REFUSED = "Refused"
    INVALID_OUTPUT = "InvalidOutput"
    BAD_REQUEST = "BadRequest"
    HTTP_STATUS = "HTTPStatus"
    STEP_ERROR = "StepError"
    INVALID_INPUT = "InvalidInput"
    WORKER_LOST = "WorkerLost"
    INTERRUPTED = "Interrupted"
    BUDGET_EXCEEDED = "BudgetExceeded"
    CANCELLED = "Cancelled"


class Action(StrEnum):
    """What the ledger does with a failed attempt."""

    PARK = "Park"  # no attempt spent; runs again at a time that somebody named
    RETRY = "Retry"  # an attempt spent; runs again after the back-off, until none is left
    RESUME = "Resume"  # no attempt spent; runs again after a back-off, a bounded number of times
    DEAD_LETTER = "DeadLetter"  # cannot succeed by trying again


ACTIONS: Final[dict[ErrorClass, Action]] = {
    ErrorClass.RATE_LIMITED: Action.PARK,
    ErrorClass.PROVIDER_ERROR: Action.RETRY,
    ErrorClass.TIMEOUT: Action.RETRY,
    ErrorClass.REFUSED: Action.DEAD_LETTER,
    ErrorClass.INVALID_OUTPUT: Action.DEAD_LETTER,
    ErrorClass.BAD_REQUEST: Action.DEAD_LETTER,
    ErrorClass.HTTP_STATUS: Action.RETRY,
    ErrorClass.STEP_ERROR: Action.RETRY,
    ErrorClass.INVALID_INPUT: Action.DEAD_LETTER,
    ErrorClass.WORKER_LOST: Action.RESUME,
    ErrorClass.INTERRUPTED: Action.RESUME,
    ErrorClass.BUDGET_EXCEEDED: Action.PARK,
    ErrorClass.CANCELLED: Action.DEAD_LETTER,
}

MAX_LOSSES: Final = 5  # times a step is cut off before it is taken for poison
MAX_IDLE_PARKS: Final = 3  # parks without a newly recorded call before LimitTooSmall
