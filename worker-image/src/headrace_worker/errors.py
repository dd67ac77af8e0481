"""
Every way in which a worker can fail, and who must act.

* WorkerError
  + SettingsError              whoever deploys the worker: a variable is missing or wrong
  + DoorError                  between the worker and the gateway
    - DoorUnavailableError     nobody: the world may catch up, the request is tried again
    - DoorRefusedError         this request will never be accepted: its step is given up here
  + StepFailedError            the step's attempt; the ledger decides by its error class
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from headrace_contract.failures import ErrorClass


class WorkerError(Exception):
    """Base of everything that this package raises."""


class SettingsError(WorkerError):
    """A setting is missing or makes no sense."""


class DoorError(WorkerError):
    """The gateway did not do what it was asked."""


class DoorUnavailableError(DoorError):
    """The gateway could not be reached or could not answer now."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class DoorRefusedError(DoorError):
    """The gateway understood the request and refuses it."""

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


class StepFailedError(WorkerError):
    """An attempt of a step did not succeed; the message may be shown to the run's owner."""

    def __init__(
        self, error_class: ErrorClass, message: str, *, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.error_class = error_class
        self.retry_after = retry_after
