"""What is worth an Event: a condition that flipped, told once in the words of the condition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from headrace_contract.reasons import ConditionType

if TYPE_CHECKING:
    from collections.abc import Mapping

_BAD_NEWS: Final = frozenset({ConditionType.STALLED.value, ConditionType.DELETION_BLOCKED.value})
_TOLD: Final = (
    ConditionType.ACCEPTED,
    ConditionType.READY,
    ConditionType.PAUSED,
    ConditionType.DELETION_BLOCKED,
)


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
        then = before.get(one["type"]) or {"status": "Unknown", "reason": ""}
        if one["type"] not in _TOLD or _same(then, one):
            continue
        bad = one["status"] == "False" or one["type"] in _BAD_NEWS
        found[one["reason"]] = Note("Warning" if bad else "Normal", one["reason"], one["message"])
    return tuple(found.values())


def _same(then: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Compare the status, and the reason of what is wrong: waking up and sleeping is no news."""
    if then["status"] != now["status"]:
        return False
    return now["status"] != "False" or bool(then["reason"] == now["reason"])
