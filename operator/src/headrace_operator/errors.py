"""
Every way a pass can fail, and who must act.

* ReconcileError
  + PermanentError            only a person can mend it; wait for a change or the resync
    - InvalidSpecError
    - ForbiddenError
    - RefusedError            the API server finds an object of ours invalid
  + TransientError            the world may catch up; the queue looks again, later each time
    - ClusterUnavailableError
    - ConflictError
    - LedgerUnavailableError
    - RunsInFlightError       a tenant is to go, and its pipelines are still at work
    - NotLeadingError         another operator took over
* GoneError                   the object is not there (any more); whoever asked decides
"""

from __future__ import annotations

from typing import ClassVar

from headrace_contract.reasons import Reason


class ReconcileError(Exception):
    """Base of what a pass may raise; `reason` goes into the condition as it stands."""

    reason: ClassVar[Reason] = Reason.PROGRESSING


class PermanentError(ReconcileError):
    """Trying again changes nothing."""


class InvalidSpecError(PermanentError):
    reason = Reason.INVALID_SPEC


class ForbiddenError(PermanentError):
    reason = Reason.FORBIDDEN


class RefusedError(PermanentError):
    reason = Reason.INVALID_SPEC


class TransientError(ReconcileError):
    """Trying again may help; `retry_after` in seconds, if the other side named a time."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ClusterUnavailableError(TransientError):
    reason = Reason.CLUSTER_UNAVAILABLE


class ConflictError(TransientError):
    reason = Reason.CONFLICT


class LedgerUnavailableError(TransientError):
    reason = Reason.LEDGER_UNAVAILABLE


class RunsInFlightError(TransientError):
    reason = Reason.RUNS_IN_FLIGHT


class NotLeadingError(TransientError):
    reason = Reason.CONFLICT


class GoneError(Exception):
    """What was asked for does not exist; no failure by itself."""
