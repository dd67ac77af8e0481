"""`AgentTenant`: whose namespaces these are, and what pipelines in them may use."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field, StringConstraints

from headrace_contract.priority import Priority
from headrace_contract.resources.base import (
    DnsLabel,
    Spec,
    Status,
    StopPolicy,
    as_set,
    atomic,
    listed_by,
    rule,
    rules,
)
from headrace_contract.resources.budgets import Budgets, BudgetUsages, Decimals, WorkerPrice
from headrace_contract.resources.egress import EgressRule
from headrace_contract.resources.isolation import Isolation
from headrace_contract.resources.limits import (
    Nearest,
    TenantLimits,
    TenantLimitUsages,
    Word,
)
from headrace_contract.resources.overrides import PipelineFields


class Allowed(Spec):
    """What pipelines of the tenant may use."""

    model_providers: Annotated[
        list[DnsLabel], Field(max_length=64, json_schema_extra=as_set())
    ] = []
    """ModelProviders that may be used; those that allow the tenant themselves when empty."""
    image_prefixes: Annotated[
        list[Annotated[str, StringConstraints(min_length=1, max_length=253)]],
        Field(max_length=32, json_schema_extra=as_set()),
    ] = []
    """Prefixes of worker images that may be used beside headrace's own; any image when empty."""
    egress: Annotated[
        list[EgressRule],
        Field(
            max_length=32,
            json_schema_extra={
                **atomic(),
                **rules(
                    rule(
                        "self.all(e, has(e.cidr) != has(e.namespace))",
                        "each rule must have exactly one of `cidr` and `namespace`",
                    )
                ),
            },
        ),
    ] = []
    """What pipelines may open for their workers; nothing when empty."""


class AgentTenantSpec(Spec):
    """What a platform team grants."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "has(self.cohort) || !has(self.limits) || self.limits.all(l, "
                "!has(l.borrowingLimit) && !has(l.lendingLimit))",
                "`borrowingLimit` and `lendingLimit` must not be set without a `cohort`",
            )
        )
    )

    namespaces: Annotated[
        list[DnsLabel], Field(min_length=1, max_length=64, json_schema_extra=as_set())
    ]
    """Namespaces that belong to the tenant; one that an older tenant claims is refused."""
    allowed: Allowed = Field(default_factory=Allowed)
    """What pipelines of the tenant may use."""
    weight: Annotated[int, Field(ge=1, le=1000)] = 1
    """Share of a provider's limits, beside other tenants that want more of them; 1 by default."""
    cohort: DnsLabel | None = None
    """Tenants of one cohort lend to one another what they do not use of equal limits."""
    limits: TenantLimits = []
    """How much the tenant may use or have at once, in all of its pipelines; no limit when empty."""
    budgets: Budgets = []
    """How much the tenant may spend in a time; no budget when empty."""
    worker_price: WorkerPrice | None = None
    """What its workers cost, for `headrace cost`; their time is not counted when absent."""
    max_priority: Priority = "High"
    """Highest priority of its runs: a submit that asks for more is refused; High by default."""
    stop_policy: StopPolicy = "None"
    """'Hold' starts no step of the tenant, 'HoldAndDrain' interrupts running steps too."""
    isolation: Isolation = Field(default_factory=Isolation)
    """How its namespaces are kept apart."""
    prevent_deletion: bool = False
    """Whether deleting the tenant is refused, by the chart's admission policy."""
    defaults: PipelineFields = Field(default_factory=PipelineFields)
    """Values of fields that a pipeline leaves out."""
    overrides: PipelineFields = Field(default_factory=PipelineFields)
    """Values that win over what a pipeline says."""


class MonthCost(Spec):
    """What model calls of a UTC month cost in one currency; looked at once a minute."""

    currency: Word
    """ISO 4217 code."""
    month: Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}$", max_length=7)]
    """The month, such as '2026-11'."""
    spent: Decimals
    """What was spent until now, a decimal string. Calls without a price are not in it."""
    forecast: Decimals | None = None
    """What the whole month will cost if it goes on as it has; absent on its first day."""


class AgentTenantStatus(Status):
    """What the operator observed."""

    namespaces: Annotated[
        list[Annotated[str, StringConstraints(max_length=63)]],
        Field(max_length=64, json_schema_extra=as_set()),
    ] = []
    """Namespaces that the tenant holds."""
    pipelines: Annotated[int, Field(ge=0)] = 0
    """Pipelines in these namespaces."""
    limits: TenantLimitUsages = []
    """How each limit stands."""
    budgets: BudgetUsages = []
    """How each budget stands."""
    costs: Annotated[
        list[MonthCost], Field(max_length=16, json_schema_extra=listed_by("currency"))
    ] = []
    """What the month costs, by currency: they do not add up."""
    nearest: Nearest = ""
    """The limit or budget of which most is used, for people: 'tokens 1m 92 %'."""
