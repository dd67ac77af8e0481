"""What an attempt came to."""

from __future__ import annotations

import json

import pytest

from headrace_contract.failures import ErrorClass
from headrace_worker.errors import StepFailedError
from headrace_worker.steps.judge import Done, Failed, judge_error, judge_output


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


KEPT = {
    "nothing": None,
    "an object": {"a": [1, 2.5, "ü", True, None]},
    "a backslash before what looks like NUL": "\\u0000",
    "exactly a megabyte": "x" * (1024 * 1024 - 2),
    "levels enough": nested(50),
}


@pytest.mark.parametrize("output", KEPT.values(), ids=KEPT)
def test_kept(output):
    verdict = judge_output(output)
    assert isinstance(verdict, Done)
    assert verdict.output == output
    assert verdict.size == len(
        json.dumps(output, ensure_ascii=False, separators=(",", ":")).encode()
    )


REFUSED = {
    "a byte too many": ("x" * (1024 * 1024 - 1), "is the most"),
    "bytes count, not characters": ("ü" * (600 * 1024), "is the most"),
    "NUL": ("a\x00b", "NUL"),
    "NUL in a key, behind a backslash": ({"\\\x00": 1}, "NUL"),
    "a set": ({1}, "not JSON"),
    "not a number": (float("nan"), "not JSON"),
    "infinity": ([float("inf")], "not JSON"),
    "half a character": ("\ud800", "not JSON"),
    "levels without end": (nested(100_000), "not JSON"),
}


@pytest.mark.parametrize(("output", "words"), REFUSED.values(), ids=REFUSED)
def test_refused(output, words):
    verdict = judge_output(output)
    assert isinstance(verdict, Failed)
    assert verdict.error_class is ErrorClass.INVALID_OUTPUT
    assert words in verdict.message


ERRORS = {
    "ours keep class, words and wait": (
        StepFailedError(ErrorClass.RATE_LIMITED, "later", retry_after=3),
        Failed(ErrorClass.RATE_LIMITED, "later", 3),
    ),
    "a timeout is one": (
        TimeoutError(),
        Failed(ErrorClass.TIMEOUT, "The step did not end within its timeout."),
    ),
    "all others are the step's": (KeyError("x"), Failed(ErrorClass.STEP_ERROR, "KeyError: 'x'")),
    "what the wire would refuse is cut": (
        ValueError("a\x00\ud800" + "x" * 9999),
        Failed(ErrorClass.STEP_ERROR, ("ValueError: a?" + "x" * 9999)[:4096]),
    ),
}


@pytest.mark.parametrize(("error", "want"), ERRORS.values(), ids=ERRORS)
def test_errors(error, want):
    assert judge_error(error) == want
