"""Limits of runs and workers, and quotas, that the schema admits or refuses, and why."""

from __future__ import annotations

from typing import Any

import crd_budgets
import crd_cohorts
import crd_keys
import crd_learnt
import crd_leased
import crd_overrides
from crd_cases import ALL, Case, provider, tenant
from headrace_contract.resources.kinds import AGENT_TENANT, MODEL_PROVIDER

_WHEN = "`window` must be 'None' (how many at once) for `resource: runs` or `workers`"
_WHOSE = "`selector` and `onExceed: Reject` must be left out"
_HOW_MANY = "`limit` must be more than 0, or from 0 to 100000"


def _of(resource: str, **changes: Any) -> dict[str, Any]:
    return {"name": "most", "resource": resource, "limit": 4, "window": "None", **changes}


def _case(says: str, limit: dict[str, Any], refused: str | None = None) -> Case:
    return Case(says, AGENT_TENANT, tenant(limits=[limit]), refused)


def _quota(says: str, hard: dict[str, Any], refused: str | None = None) -> Case:
    return Case(says, AGENT_TENANT, tenant(isolation={"resourceQuota": {"hard": hard}}), refused)


CASES = (
    _case("runs at once", _of("runs")),
    _case("workers at once", _of("workers", mode="Shadow")),
    _case("no worker at all", _of("workers", limit=0)),
    _case("less than no run", _of("runs", limit=-1), "limits[0].limit"),
    _case("runs a minute", _of("runs", window="1m"), _WHEN),
    _case("workers a day", _of("workers", window="1d"), _WHEN),
    _case("workers of a class", _of("workers", selector={"classes": ["fast"]}), _WHOSE),
    _case("runs of a provider", _of("runs", selector={"providers": ["house"]}), _WHOSE),
    _case("runs that are refused", _of("runs", onExceed="Reject"), _WHOSE),
    _case("a million workers", _of("workers", limit=1_000_000), _HOW_MANY),
    _case("no call at once", _of("llmCalls", limit=0), _HOW_MANY),
    _quota("pods and memory", {"pods": "20", "limits.memory": "64Gi", "requests.cpu": "1500m"}),
    _quota("a quota of nothing", {}, "hard"),
    _quota("pods as a number", {"pods": 20}, "hard"),
    _quota("many pods", {"pods": "many"}, "hard"),
    Case(
        "pods of another scope",
        AGENT_TENANT,
        tenant(isolation={"resourceQuota": {"hard": {"pods": "1"}, "scopes": ["Sometimes"]}}),
        "scopes",
    ),
    Case(
        "an identity of the cloud",
        AGENT_TENANT,
        tenant(isolation={"serviceAccount": {"annotations": {"cloud.example/role": "reader"}}}),
    ),
    Case(
        "workers of everybody",
        MODEL_PROVIDER,
        provider(limits=[_of("workers")]),
        "limits[0].resource",
    ),
)
EVERY = (
    *ALL,
    *crd_overrides.CASES,
    *crd_cohorts.CASES,
    *crd_keys.CASES,
    *crd_leased.CASES,
    *crd_budgets.CASES,
    *crd_learnt.CASES,
    *CASES,
)
