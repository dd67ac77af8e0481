"""Fields of pipelines that a tenant may give: those a pipeline leaves out, or those of all."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from headrace_contract.priority import Priority
from headrace_contract.resources.base import Duration, PositiveDuration, Spec


class RetryFields(Spec):
    """How often a step is tried."""

    max_attempts: Annotated[int, Field(ge=1, le=20)] | None = None
    """Attempts of each step before the run fails."""


class PerRunFields(Spec):
    """Limits of one run."""

    max_duration: PositiveDuration | None = None
    """Longest time from acceptance to the end."""


class LimitFields(Spec):
    """Limits of a pipeline."""

    max_concurrent_runs: Annotated[int, Field(ge=1, le=100000)] | None = None
    """Most runs that are under way at once."""
    per_run: PerRunFields | None = None
    """Limits of one run."""


class ResultFields(Spec):
    """What is kept of a run."""

    ttl: PositiveDuration | None = None
    """How long a finished run is kept."""


class ScalingFields(Spec):
    """How many workers a pool may have."""

    max_replicas: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Most workers; an override takes `minReplicas` down with it."""
    idle_after: Duration | None = None
    """How long a pool must be without work before it shrinks."""


class PoolFields(Spec):
    """Worker pools, each of them."""

    scaling: ScalingFields | None = None
    """How many workers there may be."""


class PipelineFields(Spec):
    """
    Values for fields of pipelines, at the place that they have there.

    Who gave a field must be known, so the schema of AgentPipelines has no `default` for these.
    """

    priority: Priority | None = None
    """How urgent runs are that do not say it when they are submitted."""
    retry: RetryFields | None = None
    """How often a step is tried."""
    limits: LimitFields | None = None
    """Limits of a pipeline."""
    results: ResultFields | None = None
    """What is kept of a run."""
    pools: PoolFields | None = None
    """Worker pools, each of them."""


class EffectiveValue(Spec):
    """A value in force that the pipeline did not give."""

    field: Annotated[str, StringConstraints(min_length=1, max_length=128)]
    """Path of the field, such as 'spec.retry.maxAttempts'."""
    value: Annotated[str, StringConstraints(max_length=64)]
    """The value, as text."""
    source: Literal["TenantDefault", "TenantOverride", "TenantCeiling"]
    """Who gave it: `defaults`, `overrides` or `maxPriority` of the tenant."""
