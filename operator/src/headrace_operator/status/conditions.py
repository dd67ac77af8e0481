"""Conditions: constant reasons, the generation always, the time only on a flip."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from headrace_contract.reasons import ConditionType, Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from headrace_contract.problem import Problem

LONGEST_MESSAGE: Final = 2048
STOPS: Final = {
    "HoldAndDrain": Reason.STOP_POLICY_HOLD_AND_DRAIN,
    "Hold": Reason.STOP_POLICY_HOLD,
}
"""The reasons of stop policies, the stronger one first: of several it is the one to tell."""
State = Literal["True", "False", "Unknown"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """One aspect of the observed state, before anybody asks since when."""

    type: ConditionType
    status: State
    reason: Reason
    message: str


def merge(
    verdicts: Iterable[Verdict], old: Mapping[str, Any], generation: int, now: datetime
) -> list[dict[str, Any]]:
    """Write verdicts as conditions; the old time stays wherever the status did not flip."""
    since = {
        (one["type"], one["status"]): one["lastTransitionTime"]
        for one in old.get("conditions") or ()
    }
    conditions = [
        {
            "type": verdict.type.value,
            "status": verdict.status,
            "reason": verdict.reason.value,
            "message": verdict.message[:LONGEST_MESSAGE],
            "lastTransitionTime": since.get((verdict.type.value, verdict.status), stamp(now)),
            "observedGeneration": generation,
        }
        for verdict in verdicts
    ]
    return sorted(conditions, key=lambda one: str(one["type"]))


def refusal(kind: ConditionType, problems: Iterable[Problem]) -> Verdict:
    """Turn problems into one verdict: the reason of the first, the words of all."""
    listed = list(problems)
    return Verdict(kind, "False", listed[0].reason, "; ".join(str(problem) for problem in listed))


def progress(ready: Verdict, *, permanent: bool) -> tuple[Verdict, ...]:
    """Add what kstatus reads beside `Ready`: nothing while all is well."""
    if ready.status == "True":
        return ()
    kind = ConditionType.STALLED if permanent else ConditionType.RECONCILING
    return (Verdict(kind, "True", ready.reason, ready.message),)


def stamp(now: datetime) -> str:
    """Write a time as the API server does."""
    return now.strftime("%Y-%m-%dT%H:%M:%SZ")


def condition(status: Mapping[str, Any], kind: ConditionType) -> Mapping[str, Any] | None:
    """Find a condition as it was written before."""
    for one in status.get("conditions") or ():
        if one["type"] == kind.value:
            return dict(one)
    return None
