"""What an attempt came to: done, skipped or failed with a class. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from headrace_contract.failures import ErrorClass
from headrace_worker.errors import StepFailedError

MAX_OUTPUT_BYTES: Final = 1024 * 1024
MAX_MESSAGE: Final = 4096


@dataclass(frozen=True, slots=True)
class Done:
    """The step ended well; `size` is that of its output as JSON."""

    output: Any
    size: int


@dataclass(frozen=True, slots=True)
class Skipped:
    """Its `when` was false; dependants see no output."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The attempt did not succeed; what follows from that is the ledger's to say."""

    error_class: ErrorClass
    message: str
    retry_after: float | None = None


Verdict = Done | Skipped | Failed


def judge_output(output: Any) -> Done | Failed:
    """Accept what the ledger can keep: JSON, without NUL, of a megabyte at most."""
    try:
        text = json.dumps(output, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        size = len(text.encode())
    except (TypeError, ValueError, RecursionError) as exc:
        return Failed(ErrorClass.INVALID_OUTPUT, _clean(f"The output is not JSON: {exc}"))
    if size > MAX_OUTPUT_BYTES:
        return Failed(
            ErrorClass.INVALID_OUTPUT,
            f"The output has {size} bytes of JSON; {MAX_OUTPUT_BYTES} is the most.",
        )
    if _has_nul(text):
        return Failed(ErrorClass.INVALID_OUTPUT, "The output contains a NUL character.")
    return Done(output, size)


def judge_error(error: Exception) -> Failed:
    """Name the class of what a step raised; only our own errors know better than StepError."""
    if isinstance(error, StepFailedError):
        return Failed(error.error_class, _clean(str(error)), error.retry_after)
    if isinstance(error, TimeoutError):
        return Failed(ErrorClass.TIMEOUT, "The step did not end within its timeout.")
    return Failed(ErrorClass.STEP_ERROR, _clean(f"{type(error).__name__}: {error}"))


def _has_nul(text: str) -> bool:
    # JSON writes NUL as an escape; an escaped backslash before it is an innocent text.
    return "\\u0000" in text.replace("\\\\", "")


def _clean(message: str) -> str:
    """Cut what the wire and the ledger would refuse."""
    safe = message.replace("\x00", "").encode("utf-8", "replace").decode()
    return safe[:MAX_MESSAGE]
