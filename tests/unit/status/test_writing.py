"""When a status is written, and what becomes an Event."""

from __future__ import annotations

from datetime import timedelta

import pytest

from headrace_operator.status.notes import notes
from headrace_operator.status.writing import due

BETWEEN = timedelta(seconds=5)
READY = {"conditions": [{"type": "Ready"}], "backlog": {"runnable": 1}}
CASES = {
    "nothing new is never written": (READY, READY, timedelta(hours=1), None),
    "a condition is told at once": (
        READY,
        READY | {"conditions": []},
        timedelta(0),
        timedelta(0),
    ),
    "counts alone wait": (
        READY,
        READY | {"backlog": {"runnable": 2}},
        timedelta(seconds=2),
        timedelta(seconds=3),
    ),
    "counts that have waited are written": (
        READY,
        READY | {"backlog": {"runnable": 2}},
        timedelta(seconds=5),
        timedelta(0),
    ),
    "a default of the schema is no difference": (
        READY | {"workers": {"desired": 0}},
        READY,
        timedelta(hours=1),
        None,
    ),
    "the first status is written at once": ({}, READY, timedelta(0), timedelta(0)),
}


@pytest.mark.parametrize(("old", "new", "since", "want"), CASES.values(), ids=CASES)
def test_due(old, new, since, want):
    assert due(old, new, since, BETWEEN) == want


def status(**conditions):
    return {
        "conditions": [
            {"type": kind, "status": state, "reason": reason, "message": "words"}
            for kind, (state, reason) in conditions.items()
        ]
    }


NEWS = {
    "that all is well from the start is no news": (
        {},
        status(Accepted=("True", "Accepted"), Ready=("True", "ScaledToZero")),
        [],
    ),
    "bad news is told from the start, and once": (
        {},
        status(Accepted=("False", "TenantNotFound"), Ready=("False", "TenantNotFound")),
        [("Warning", "TenantNotFound")],
    ),
    "what was told is not told again": (
        status(Ready=("False", "TenantNotFound")),
        status(Ready=("False", "TenantNotFound")),
        [],
    ),
    "another reason is news": (
        status(Ready=("False", "TenantNotFound")),
        status(Ready=("False", "ProviderNotFound")),
        [("Warning", "ProviderNotFound")],
    ),
    "healing is good news": (
        status(Ready=("False", "TenantNotFound")),
        status(Ready=("True", "ScaledToZero")),
        [("Normal", "ScaledToZero")],
    ),
    "waking up is no news": (
        status(Ready=("True", "ScaledToZero")),
        status(Ready=("True", "Active")),
        [],
    ),
    "a hold is told": (
        status(Ready=("True", "Active")),
        status(Ready=("True", "Active"), Paused=("True", "StopPolicyHold")),
        [("Normal", "StopPolicyHold")],
    ),
}


@pytest.mark.parametrize(("old", "new", "want"), NEWS.values(), ids=NEWS)
def test_notes(old, new, want):
    assert [(one.type, one.reason) for one in notes(old, new)] == want
