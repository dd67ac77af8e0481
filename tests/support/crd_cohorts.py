"""What tenants may say of lending and borrowing, as cases of the schema."""

from __future__ import annotations

from typing import Any

from crd_cases import Case, tenant
from headrace_contract.resources.kinds import AGENT_TENANT

_COHORT = "must not be set without a `cohort`"


def _limited(cohort: str | None = "research", **changes: Any) -> dict[str, Any]:
    limit = {"name": "tpm", "resource": "tokens", "limit": 1000, "window": "1m", **changes}
    return tenant(limits=[limit], **({"cohort": cohort} if cohort else {}))


CASES = (
    Case("in a cohort", AGENT_TENANT, _limited()),
    Case("bounds what it lends", AGENT_TENANT, _limited(borrowingLimit=0, lendingLimit=1000)),
    Case("borrows of nobody", AGENT_TENANT, _limited(None, borrowingLimit=0), _COHORT),
    Case("lends to nobody", AGENT_TENANT, _limited(None, lendingLimit=0), _COHORT),
    Case(
        "lends more than it has",
        AGENT_TENANT,
        _limited(lendingLimit=1001),
        "`lendingLimit` must not be more than `limit`",
    ),
    Case(
        "lends workers",
        AGENT_TENANT,
        _limited(resource="workers", window="None", limit=4, lendingLimit=2),
        "`borrowingLimit` and `lendingLimit` must be left out for `resource: runs` or `workers`",
    ),
    Case("borrows less than 0", AGENT_TENANT, _limited(borrowingLimit=-1), "borrowingLimit"),
    Case("a cohort with a dot", AGENT_TENANT, tenant(cohort="a.b"), "cohort"),
)
