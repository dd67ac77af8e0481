"""What a tenant may give for its pipelines, as cases of the schema, and what it leaves open."""

from __future__ import annotations

from crd_cases import Case, tenant
from headrace_contract.resources.kinds import AGENT_TENANT

# Not filled in by the API server, since a tenant may give them.
LEFT_OPEN = {
    "AgentPipeline": {
        "priority": True,
        "retry": {"max_attempts"},
        "limits": {"max_concurrent_runs": True, "per_run": {"max_duration"}},
        "results": {"ttl"},
        "pools": {"__all__": {"scaling": {"max_replicas", "idle_after"}}},
    },
    "AgentTenant": None,
    "ModelProvider": None,
}
CASES = (
    Case(
        "a tenant with defaults and overrides",
        AGENT_TENANT,
        tenant(defaults={"results": {"ttl": "24h"}}, overrides={"retry": {"maxAttempts": 2}}),
    ),
    Case(
        "a default beyond what a pipeline may say",
        AGENT_TENANT,
        tenant(defaults={"retry": {"maxAttempts": 21}}),
        "spec.defaults.retry.maxAttempts",
    ),
    Case(
        "a priority that is none as the most",
        AGENT_TENANT,
        tenant(maxPriority="Urgent"),
        "spec.maxPriority",
    ),
    Case(
        "an override by which no run has time",
        AGENT_TENANT,
        tenant(overrides={"limits": {"perRun": {"maxDuration": "0s"}}}),
        "the duration must be longer than 0s",
    ),
)
