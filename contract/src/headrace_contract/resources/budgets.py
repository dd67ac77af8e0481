"""Budgets and costs as a platform team declares them, and as status shows them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StringConstraints

from headrace_contract.resources.base import (
    Currency,
    DnsLabel,
    ModelClass,
    Money,
    SecretKey,
    Spec,
    as_set,
    listed_by,
    rule,
    rules,
)
from headrace_contract.resources.limits import ZONED, Instant, Mode, TimeZone, Word

BudgetWindow = Literal["1d", "CalendarDay", "CalendarMonth"]
PositiveMoney = Annotated[
    Money,
    Field(json_schema_extra=rules(rule("self.matches('[1-9]')", "the amount must be more than 0"))),
]

Decimals = Annotated[str, StringConstraints(max_length=32)]

_DEGRADES = rule(
    "(self.onSoft == 'DegradeClass') == has(self.degradeTo)",
    "`degradeTo` must be given with `onSoft: DegradeClass`, and only with it",
)
_DEGRADES_AT = rule(
    "self.onSoft != 'DegradeClass' || (size(self.softPercents) > 0 && self.mode == 'Enforce')",
    "`softPercents` must be given with `onSoft: DegradeClass`, and `mode` must be 'Enforce'",
)


class SigningKeyRef(Spec):
    """A key of a Secret in headrace's own namespace."""

    name: DnsLabel
    """Name of the Secret."""
    key: SecretKey = "signingKey"
    """Key within the Secret; 'signingKey' by default. 24 bytes or more, as base64 after 'whsec_',
    or any text."""


class Webhook(Spec):
    """Who is told, by one signed POST each, what a budget has come to."""

    url: Annotated[
        str,
        StringConstraints(
            pattern=r"^https://[^\s/?#@\\]+(/[^\s?#\\]*)?(\?[^\s#\\]*)?$", max_length=1024
        ),
    ]
    """Where to: https, at port 443 or 8443, and a public address, unless the chart allows more."""
    secret_ref: SigningKeyRef
    """The key that signs; read by the gateway alone."""


class Budget(Spec):
    """How much money a tenant may spend in a time."""

    model_config = ConfigDict(json_schema_extra=rules(ZONED, _DEGRADES, _DEGRADES_AT))

    name: DnsLabel
    """Name of the budget, as messages and status call it."""
    amount: PositiveMoney
    """What may be spent in one window, a decimal string."""
    currency: Currency = "USD"
    """ISO 4217 code; calls without a price in it do not count. USD by default."""
    window: BudgetWindow = "CalendarMonth"
    """'1d' slides, 'CalendarDay' and 'CalendarMonth' begin anew at midnight of the time zone."""
    time_zone: TimeZone = "UTC"
    """Time zone of a calendar window by its IANA name, such as 'Europe/Berlin'; UTC by default."""
    soft_percents: Annotated[
        list[Annotated[int, Field(ge=1, le=99)]], Field(max_length=8, json_schema_extra=as_set())
    ] = []
    """Percents of the amount at which `WithinBudget` and an Event say so; none by default."""
    on_soft: Literal["Notify", "DegradeClass"] = "Notify"
    """From the lowest of these percents on, 'DegradeClass' also makes calls of the class
    `degradeTo`, in pipelines that have such a class; 'Notify' by default."""
    degrade_to: ModelClass | None = None
    """The cheaper model class."""
    on_hard: Literal["Park", "Reject", "HoldAndDrain"] = "Park"
    """
    At the amount, 'Park' lets steps wait without a worker, 'Reject' fails them. 'HoldAndDrain'
    parks them too, and ends calls under way once the budget has no room for them any more.
    """
    mode: Mode = "Enforce"
    """'Shadow' counts what would have been stopped and stops nothing; 'Enforce' by default."""
    webhook: Webhook | None = None
    """Told of each of `softPercents`, and of the amount, once in a window; nobody when absent."""


class Cost(Spec):
    """An amount of money."""

    amount: PositiveMoney
    """A decimal string."""
    currency: Currency = "USD"
    """ISO 4217 code; calls without a price in it do not count. USD by default."""


class WorkerPrice(Spec):
    """What the nodes that a tenant's workers run on cost; a worker costs what it requests."""

    cpu_hour: PositiveMoney
    """One core for an hour, a decimal string."""
    memory_gib_hour: Annotated[PositiveMoney, Field(alias="memoryGiBHour")]
    """One GiB of memory for an hour, a decimal string."""
    currency: Currency = "USD"
    """ISO 4217 code; USD by default."""


class BudgetUsage(Spec):
    """How a budget stands; written at most once per 5 s."""

    name: Word
    """Name of the budget."""
    currency: Word
    """ISO 4217 code."""
    amount: Decimals
    """What may be spent, a decimal string, as the ledger enforces it."""
    spent: Decimals
    """What was spent in this window."""
    reserved: Decimals
    """What calls that are under way may cost at most."""
    available: Decimals
    """What is left for new calls."""
    resets_at: Instant | None = None
    """When the window begins anew, or something is available again; absent if nothing was spent."""


Budgets = Annotated[list[Budget], Field(max_length=8, json_schema_extra=listed_by("name"))]
BudgetUsages = Annotated[
    list[BudgetUsage], Field(max_length=8, json_schema_extra=listed_by("name"))
]
