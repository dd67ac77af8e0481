"""Which limits may be leased, as cases of the schema."""

from __future__ import annotations

from typing import Any

from crd_cases import Case, tenant
from headrace_contract.resources.kinds import AGENT_TENANT

_LEASED = "`accuracy: Leased` must go with"


def _leased(**changes: Any) -> dict[str, Any]:
    limit = {"name": "rps", "resource": "requests", "limit": 1000, "window": "1s"}
    return tenant(limits=[{**limit, "accuracy": "Leased", **changes}])


CASES = (
    Case("leases requests", AGENT_TENANT, _leased()),
    Case("leases calls", AGENT_TENANT, _leased(resource="llmCalls", window="1d")),
    Case("leases tokens", AGENT_TENANT, _leased(resource="tokens"), _LEASED),
    Case("leases few calls", AGENT_TENANT, _leased(limit=999), _LEASED),
    Case("leases of a day", AGENT_TENANT, _leased(window="CalendarDay"), _LEASED),
    Case(
        "leases calls at once", AGENT_TENANT, _leased(resource="llmCalls", window="None"), _LEASED
    ),
    Case("leases in Shadow mode", AGENT_TENANT, _leased(mode="Shadow"), _LEASED),
    Case("leases somehow", AGENT_TENANT, _leased(accuracy="Roughly"), "accuracy"),
)
