"""What is worth an Event: a condition that flipped, told once in the words of the condition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from headrace_contract.reasons import ConditionType, Reason

if TYPE_CHECKING:
    from collections.abc import Mapping

_BAD_NEWS: Final = frozenset(
    {
        ConditionType.STALLED.value,
        ConditionType.DELETION_BLOCKED.value,
        ConditionType.COOLING_DOWN.value,
    }
)
_GOOD_FROM_THE_START: Final = frozenset(
    {
        ConditionType.ACCEPTED.value,
        ConditionType.READY.value,
        ConditionType.LIMITS_ENFORCED.value,
        ConditionType.WITHIN_BUDGET.value,
    }
)
_WARNED: Final = Reason.SOFT_BUDGET_REACHED.value
_TOLD: Final = (
    ConditionType.ACCEPTED,
    ConditionType.READY,
    ConditionType.PAUSED,
    ConditionType.DELETION_BLOCKED,
    ConditionType.LIMITS_ENFORCED,
    ConditionType.WITHIN_BUDGET,
    ConditionType.COOLING_DOWN,
)
_EVERYDAY: Final = frozenset({Reason.RATE_LIMITED.value, Reason.PROVIDER_EXHAUSTED.value})


@dataclass(frozen=True, slots=True)
class Note:
    """One Event to be, before anybody counts how often it was said."""

    type: Literal["Normal", "Warning"]
    reason: str
    message: str


def notes(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[Note, ...]:
    """Tell what changed between two statuses; the same reason is told once."""
    before = {one["type"]: one for one in old.get("conditions") or ()}
    found: dict[str, Note] = {}
    for one in new["conditions"]:
        if one["type"] in _TOLD and _is_news(before.get(one["type"]), one):
            bad = one["status"] == "False" or one["type"] in _BAD_NEWS or one["reason"] == _WARNED
            kind: Literal["Normal", "Warning"] = "Warning" if bad else "Normal"
            found[one["reason"]] = Note(kind, one["reason"], one["message"])
    return tuple(found.values())


def _is_news(then: Mapping[str, Any] | None, now: Mapping[str, Any]) -> bool:
    """Say whether it was otherwise before; that all is well from the start is no news."""
    if now["reason"] in _EVERYDAY:
        return False
    if now["reason"] == _WARNED:  # each percent is told, with the words that name it
        return then is None or bool(then["message"] != now["message"])
    if then is None:
        return now["status"] == "False" or now["type"] not in _GOOD_FROM_THE_START
    if then["status"] != now["status"]:
        return True
    # Waking up and going to sleep again are reasons of the same good state.
    return now["status"] == "False" and bool(then["reason"] != now["reason"])
