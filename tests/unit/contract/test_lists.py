"""The closed lists: complete, and each entry explained."""

from __future__ import annotations

import pytest

from headrace_contract import names
from headrace_contract.failures import ACTIONS, ErrorClass
from headrace_contract.reasons import CONDITIONS, MEANING, ConditionType, Reason
from headrace_contract.resources.base import parse_duration


def test_every_reason_has_its_sentence():
    assert set(MEANING) == set(Reason)
    assert [reason for reason, meaning in MEANING.items() if not meaning.endswith(".")] == []


def test_every_condition_has_its_sentence():
    assert set(CONDITIONS) == set(ConditionType)
    assert [kind for kind, meaning in CONDITIONS.items() if not meaning.endswith(".")] == []


def test_every_error_class_leads_to_one_thing():
    assert set(ACTIONS) == set(ErrorClass)


NAMES = {
    "short ones": ("river", "main"),
    "long ones": ("r" * 63, "p" * 63),
    "ones that meet at a dash": ("a-", "-b"),
}


@pytest.mark.parametrize(("pipeline", "pool"), NAMES.values(), ids=NAMES)
def test_names_leave_room_for_what_kubernetes_puts_before_them(pipeline, pool):
    assert len("keda-hpa-" + names.pool_name(pipeline, pool)) <= 63
    assert len(names.pipeline_name(pipeline)) <= 63


def test_names_do_not_collide():
    assert names.pool_name("a-b", "c") != names.pool_name("a", "b-c")
    assert names.pool_name("r" * 60 + "a", "p") != names.pool_name("r" * 60 + "b", "p")


DURATIONS = {"90s": 90, "1h30m": 5400, "168h": 604800, "0s": 0, "1h1m1s": 3661}


@pytest.mark.parametrize(("text", "seconds"), DURATIONS.items(), ids=DURATIONS)
def test_durations(text, seconds):
    assert parse_duration(text).total_seconds() == seconds


@pytest.mark.parametrize("text", ["", "7d", "1.5h", "90", "s", "1m1h", "-1s", "1h\n"])
def test_what_is_no_duration(text):
    with pytest.raises(ValueError, match="must be a duration"):
        parse_duration(text)
