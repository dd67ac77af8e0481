"""Every reason that a condition may carry and every type of condition, a sentence each."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class ConditionType(StrEnum):
    ACCEPTED = "Accepted"
    RESOLVED_REFS = "ResolvedRefs"
    SCALER_READY = "ScalerReady"
    WORKERS_AVAILABLE = "WorkersAvailable"
    READY = "Ready"
    RECONCILING = "Reconciling"
    STALLED = "Stalled"
    PAUSED = "Paused"
    PROVISIONED = "Provisioned"
    DELETION_BLOCKED = "DeletionBlocked"
    LIMITS_ENFORCED = "LimitsEnforced"
    WITHIN_BUDGET = "WithinBudget"
    PRICES_KNOWN = "PricesKnown"
    COOLING_DOWN = "CoolingDown"


class Reason(StrEnum):
    ACCEPTED = "Accepted"
    INVALID_SPEC = "InvalidSpec"
    CYCLIC_STEPS = "CyclicSteps"
    UNKNOWN_REFERENCE = "UnknownReference"
    INVALID_TEMPLATE = "InvalidTemplate"
    TENANT_NOT_FOUND = "TenantNotFound"
    NOT_ALLOWED_BY_TENANT = "NotAllowedByTenant"
    NOT_ALLOWED_BY_PROVIDER = "NotAllowedByProvider"
    NAMESPACE_CONFLICT = "NamespaceConflict"
    RESOLVED = "Resolved"
    PROVIDER_NOT_FOUND = "ProviderNotFound"
    MODEL_NOT_FOUND = "ModelNotFound"
    MODEL_TOO_SMALL = "ModelTooSmall"
    SCALER_READY = "ScalerReady"
    KEDA_MISSING = "KedaMissing"
    SCALER_NOT_READY = "ScalerNotReady"
    SCALING_PAUSED = "ScalingPausedByUser"
    NO_SIGNAL_HOLDING = "NoSignalHolding"
    WORKERS_CAPPED = "WorkersCapped"
    CAPPED_BY_TOKEN_RATE = "CappedByTokenRate"  # noqa: S105 -- a reason, not a password
    SCALED_TO_ZERO = "ScaledToZero"
    ACTIVE = "Active"
    WORKERS_STARTING = "WorkersStarting"
    WORKERS_CANNOT_START = "WorkersCannotStart"
    READY = "Ready"
    PROGRESSING = "Progressing"
    LEDGER_UNAVAILABLE = "LedgerUnavailable"
    CLUSTER_UNAVAILABLE = "ClusterUnavailable"
    FORBIDDEN = "Forbidden"
    CONFLICT = "Conflict"
    STOP_POLICY_HOLD = "StopPolicyHold"
    STOP_POLICY_HOLD_AND_DRAIN = "StopPolicyHoldAndDrain"
    PROVISIONED = "Provisioned"
    RUNS_IN_FLIGHT = "RunsInFlight"
    DRAINING_POOL = "DrainingPool"
    LIMIT_TOO_SMALL = "LimitTooSmall"
    POISON_SUSPECTED = "PoisonSuspected"
    LIMITS_ENFORCED = "LimitsEnforced"
    LIMITS_NOT_IN_LEDGER = "LimitsNotInLedger"
    WITHIN_BUDGET = "WithinBudget"
    SOFT_BUDGET_REACHED = "SoftBudgetReached"
    BUDGET_EXHAUSTED = "BudgetExhausted"
    PRICES_KNOWN = "PricesKnown"
    PRICES_MISSING = "PricesMissing"
    RATE_LIMITED = "RateLimited"
    PROVIDER_EXHAUSTED = "ProviderExhausted"
    CIRCUIT_OPEN = "CircuitOpen"


CONDITIONS: Final[dict[ConditionType, str]] = {
    ConditionType.ACCEPTED: "The spec is valid, and the tenant and the providers allow it.",
    ConditionType.RESOLVED_REFS: "Everything that the spec refers to exists.",
    ConditionType.SCALER_READY: "KEDA scales every pool by what the gateway says.",
    ConditionType.WORKERS_AVAILABLE: "There are workers for the work that there is.",
    ConditionType.READY: "All in all it does what the spec says; scaled to zero is ready.",
    ConditionType.RECONCILING: "The operator is at work on it, or tries again; absent otherwise.",
    ConditionType.STALLED: "Only a person can mend it; the message says how. Absent otherwise.",
    ConditionType.PAUSED: "A stop policy is in force, here or on the tenant; absent otherwise.",
    ConditionType.PROVISIONED: "Namespaces and ledger rows of the tenant are in place.",
    ConditionType.DELETION_BLOCKED: "Deletion waits; the message says for what. Absent otherwise.",
    ConditionType.LIMITS_ENFORCED: "The ledger enforces the limits that the spec declares.",
    ConditionType.WITHIN_BUDGET: "No budget is used up.",
    ConditionType.PRICES_KNOWN: "Every model has a price; the message says where from.",
    ConditionType.COOLING_DOWN: "Nobody calls the provider for a while; absent otherwise.",
}

MEANING: Final[dict[Reason, str]] = {
    Reason.ACCEPTED: "The spec is valid and allowed.",
    Reason.INVALID_SPEC: "The spec does not parse; the message names the field.",
    Reason.CYCLIC_STEPS: "`dependsOn` makes a circle; the message names its steps.",
    Reason.UNKNOWN_REFERENCE: "A step names a step, pool or model class that does not exist.",
    Reason.INVALID_TEMPLATE: "A template, CEL expression or JSON Schema cannot be used.",
    Reason.TENANT_NOT_FOUND: "No AgentTenant lists the namespace, or the named one does not exist.",
    Reason.NOT_ALLOWED_BY_TENANT: "The tenant does not allow an image, provider or egress rule.",
    Reason.NOT_ALLOWED_BY_PROVIDER: "A provider does not allow the tenant.",
    Reason.NAMESPACE_CONFLICT: "An older AgentTenant claims one of the namespaces.",
    Reason.RESOLVED: "Everything that the spec refers to exists.",
    Reason.PROVIDER_NOT_FOUND: "A ModelProvider that the spec names does not exist.",
    Reason.MODEL_NOT_FOUND: "A provider serves neither the named model nor the class.",
    Reason.MODEL_TOO_SMALL: "A step's `maxTokens` exceed the `contextWindow` of its model.",
    Reason.SCALER_READY: "KEDA scales every pool.",
    Reason.KEDA_MISSING: "KEDA is not installed; pools run at their minimum, at least one.",
    Reason.SCALER_NOT_READY: "KEDA reports for two minutes that it cannot scale a pool.",
    Reason.SCALING_PAUSED: "Somebody paused KEDA on a pool by its annotation.",
    Reason.NO_SIGNAL_HOLDING: "KEDA cannot read the scale signal and holds the workers it has.",
    Reason.WORKERS_CAPPED: "The tenant's limit of workers holds a pool back; it says how far.",
    Reason.CAPPED_BY_TOKEN_RATE: "A pool gets the workers that its limits of calls can feed.",
    Reason.SCALED_TO_ZERO: "There is no work, and no worker.",
    Reason.ACTIVE: "Workers are there for the work there is.",
    Reason.WORKERS_STARTING: "Workers were asked for and are not ready yet.",
    Reason.WORKERS_CANNOT_START: "Worker pods cannot start; the message has the kubelet's words.",
    Reason.READY: "Everything that should exist does.",
    Reason.PROGRESSING: "The operator is at work on it.",
    Reason.LEDGER_UNAVAILABLE: "The ledger cannot be reached; it is tried again.",
    Reason.CLUSTER_UNAVAILABLE: "The API server cannot be reached; it is tried again.",
    Reason.FORBIDDEN: "The operator lacks a permission; the message names it.",
    Reason.CONFLICT: "Somebody else wrote at the same time; it is tried again.",
    Reason.STOP_POLICY_HOLD: "`stopPolicy: Hold` is in force: no step is started.",
    Reason.STOP_POLICY_HOLD_AND_DRAIN: "`stopPolicy: HoldAndDrain` is in force: steps stop.",
    Reason.PROVISIONED: "Namespaces and ledger rows of the tenant are in place.",
    Reason.RUNS_IN_FLIGHT: "Deletion waits for running steps, 30 s at most.",
    Reason.DRAINING_POOL: "A pool left the spec and lives until no unfinished task names it.",
    Reason.LIMIT_TOO_SMALL: "A step was parked three times without any progress.",
    Reason.POISON_SUSPECTED: "A step was cut off five times and is a dead letter now.",
    Reason.LIMITS_ENFORCED: "The ledger's limits are those of the spec; Shadow ones are counted.",
    Reason.LIMITS_NOT_IN_LEDGER: "The ledger does not have the limits of the spec (yet).",
    Reason.WITHIN_BUDGET: "No soft percent of any budget has been reached.",
    Reason.SOFT_BUDGET_REACHED: "A soft percent of a budget has been reached; work goes on.",
    Reason.BUDGET_EXHAUSTED: "A budget is used up; the message says until when.",
    Reason.PRICES_KNOWN: "Every model of the provider has a price.",
    Reason.PRICES_MISSING: "Some models have no price; the message names them.",
    Reason.RATE_LIMITED: "The provider answered 429 and is left alone for as long as it said.",
    Reason.PROVIDER_EXHAUSTED: "By its own figures nothing is left of a model; see `limitsFrom`.",
    Reason.CIRCUIT_OPEN: "The provider failed again and again; see `circuitBreaker`.",
}
