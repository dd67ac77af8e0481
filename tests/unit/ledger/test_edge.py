from __future__ import annotations

import pytest

import ledger_rows as make
from headrace_ledger.edge import MAX_NAME, flaw

ROW = make.pipeline("t")

CASES = {
    "a plain item has no flaw": ({}, None),
    "NUL has no place in a text": ({"input": "\0"}, "input: holds NUL"),
    "half a surrogate is no text": ({"traceparent": "\udc00"}, "traceparent: is not Unicode text"),
    "a key has to fit an index": (
        {"idempotency_key": "k" * (MAX_NAME + 1)},
        f"idempotency_key: longer than {MAX_NAME} bytes",
    ),
    "bytes count, not characters": (
        {"digest": "é" * MAX_NAME},
        f"digest: longer than {MAX_NAME} bytes",
    ),
}


@pytest.mark.parametrize(("changes", "want"), CASES.values(), ids=CASES)
def test_flaw(changes, want):
    assert flaw(make.submit(ROW, **changes)) == want


NUMBERS = {
    "a number beyond bigint": ({"generation": 2**63}, "generation: out of range"),
    "not a number": ({"run_seconds": float("nan")}, "run_seconds: not a number"),
    "without end": ({"run_seconds": float("inf")}, "run_seconds: not a number"),
}


@pytest.mark.parametrize(("changes", "want"), NUMBERS.values(), ids=NUMBERS)
def test_numbers(changes, want):
    assert flaw(make.pipeline("t", **changes)) == want
