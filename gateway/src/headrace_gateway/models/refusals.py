"""Refusals as clients of a model API read them: an `error` member, and who may try again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from headrace_contract.failures import ErrorClass
from headrace_gateway.errors import GatewayError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from headrace_contract.waits import LimitReason

# What the caller sees of each class; the worker reads the class itself from a header.
STATUS: Final[dict[ErrorClass, int]] = {
    ErrorClass.RATE_LIMITED: 429,
    ErrorClass.BUDGET_EXCEEDED: 429,
    ErrorClass.PROVIDER_ERROR: 502,
    ErrorClass.TIMEOUT: 504,
    ErrorClass.BAD_REQUEST: 400,
    ErrorClass.REFUSED: 403,
    ErrorClass.WORKER_LOST: 410,
    ErrorClass.CANCELLED: 410,
}


class ModelError(GatewayError):
    """A refusal of the model endpoint. Retries belong to the step, so no client may retry."""

    error_class: ErrorClass

    def __init__(self, error_class: ErrorClass, title: str) -> None:
        super().__init__(title)
        self.error_class = error_class

    @property
    def code(self) -> int:
        return STATUS[self.error_class]

    @property
    def headers(self) -> Mapping[str, str]:
        return {"x-should-retry": "false", "x-headrace-error-class": self.error_class.value}

    def problem(self) -> dict[str, Any]:
        said = super().problem()
        said["reason"] = self.error_class.value
        said["error"] = error_member(self.error_class, self.title)
        return said


class ParkedError(ModelError):
    """A limit was reached: the step is parked, whatever it does now."""

    def __init__(self, reason: str, resumes_at: datetime, seconds: float) -> None:
        super().__init__(ErrorClass.RATE_LIMITED, "A limit was reached: the step is parked.")
        self._why = reason
        self._resumes_at = resumes_at
        self._seconds = max(1, int(seconds + 0.999))

    @property
    def headers(self) -> Mapping[str, str]:
        return {**super().headers, "retry-after": str(self._seconds)}

    def problem(self) -> dict[str, Any]:
        return {
            **super().problem(),
            "reason": self._why,
            "resumesAt": self._resumes_at.isoformat(),
        }


class LimitError(ModelError):
    """A limit that no waiting helps against; the text says which, and how far it goes."""

    def __init__(self, title: str, reason: LimitReason) -> None:
        super().__init__(ErrorClass.REFUSED, title)
        self._why = reason.value

    def problem(self) -> dict[str, Any]:
        return {**super().problem(), "reason": self._why}


class StaleError(ModelError):
    """The key opens no running step: its lease has ended, or never was."""

    def __init__(self, error_class: ErrorClass = ErrorClass.WORKER_LOST) -> None:
        text = "This key opens no running step (any more)."
        if error_class is ErrorClass.CANCELLED:
            text = "The run was cancelled."
        super().__init__(error_class, text)

    def problem(self) -> dict[str, Any]:
        return {**super().problem(), "reason": self.why}

    @property
    def why(self) -> str:
        return "Cancelled" if self.error_class is ErrorClass.CANCELLED else "StaleFence"


class UnknownModelError(ModelError):
    """A class or model that the pipeline does not name."""

    status: ClassVar[int] = 404

    def __init__(self, names: list[str]) -> None:
        allowed = ", ".join(f"'{name}'" for name in names) or "none"
        super().__init__(ErrorClass.BAD_REQUEST, f"`model` must be one of {allowed}.")

    @property
    def code(self) -> int:
        return self.status


def error_member(error_class: ErrorClass, text: str) -> dict[str, Any]:
    return {"message": text, "type": error_class.value, "code": error_class.value, "param": None}
