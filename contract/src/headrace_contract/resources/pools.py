"""Workers of one kind: their image and resources, how many there may be, how they leave."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from headrace_contract.resources.base import (
    DnsLabel,
    Duration,
    Reference,
    Spec,
    atomic,
    listed_by,
    rule,
    rules,
)

Quantity = Annotated[
    str, StringConstraints(pattern=r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$", max_length=24)
]
EnvName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=128)]
Image = Annotated[str, StringConstraints(min_length=1, max_length=500)]


class Resources(Spec):
    """Compute resources of one worker pod."""

    cpu: Quantity = "250m"
    """CPU that is requested; 250m by default."""
    memory: Quantity = "256Mi"
    """Memory that is requested and the limit of it; 256Mi by default."""
    cpu_limit: Quantity | None = None
    """Limit of CPU; none when absent."""


class EnvVar(Spec):
    """One plain variable; secrets come by `envFrom`."""

    name: EnvName
    """Name of the variable; names that begin with HEADRACE_ and OPENAI_ are headrace's own."""
    value: Annotated[str, StringConstraints(max_length=8192)]
    """Its value."""


class EnvFrom(Spec):
    """Variables from a Secret of the pipeline's namespace, read by the kubelet and nobody else."""

    secret_ref: Reference
    """The Secret whose keys become variables."""


class Scaling(Spec):
    """How many workers a pool may have."""

    min_replicas: Annotated[int, Field(ge=0, le=1000)] = 0
    """Fewest workers; 0 by default, so that an idle pool costs nothing."""
    max_replicas: Annotated[int, Field(ge=1, le=1000)] = 10
    """Most workers; 10 by default."""
    idle_after: Duration = "60s"
    """How long a pool must be without work before it shrinks; 60s by default."""


class Drain(Spec):
    """How a worker leaves."""

    timeout: Duration | None = None
    """Time for steps to end after SIGTERM; the longest step timeout, at most 5m, if absent."""


class Pool(Spec):
    """Workers of one kind."""

    name: DnsLabel
    """Name of the pool, unique in the pipeline."""
    image: Image | None = None
    """Image of the workers, headrace's worker image or one built on it; the former when absent."""
    resources: Resources = Field(default_factory=Resources)
    """Compute resources of each worker."""
    env: Annotated[
        list[EnvVar],
        Field(
            max_length=64,
            json_schema_extra={
                **listed_by("name"),
                **rules(
                    rule(
                        "self.all(e, !e.name.matches('^(HEADRACE_|OPENAI_)'))",
                        "names that begin with 'HEADRACE_' or 'OPENAI_' are set by headrace",
                    )
                ),
            },
        ),
    ] = []
    """Plain variables of the workers."""
    env_from: Annotated[list[EnvFrom], Field(max_length=8, json_schema_extra=atomic())] = []
    """Secrets whose keys become variables of the workers."""
    concurrency_per_worker: Annotated[int, Field(ge=1, le=100)] = 4
    """How many steps one worker runs at a time; 4 by default."""
    scaling: Annotated[
        Scaling,
        Field(
            json_schema_extra=rules(
                rule(
                    "self.minReplicas <= (has(self.maxReplicas) ? self.maxReplicas : 10)",
                    "`minReplicas` must be at most `maxReplicas`",
                )
            )
        ),
    ] = Field(default_factory=Scaling)
    """How many workers there may be."""
    drain: Drain = Field(default_factory=Drain)
    """How a worker leaves."""
