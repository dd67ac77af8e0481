"""Limits as a platform team declares them, and as status shows them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StringConstraints

from headrace_contract.resources.base import (
    DnsLabel,
    ModelClass,
    ModelName,
    Spec,
    as_set,
    listed_by,
    rule,
    rules,
)

ProviderResource = Literal["tokens", "inputTokens", "outputTokens", "requests", "llmCalls"]
Resource = Literal[
    "tokens", "inputTokens", "outputTokens", "requests", "llmCalls", "runs", "workers"
]
Window = Literal["1s", "1m", "1h", "1d", "CalendarDay", "CalendarMonth", "None"]
LimitsFrom = Literal["Static", "ResponseHeaders"]
OnExceed = Literal["Park", "Reject"]
Mode = Literal["Enforce", "Shadow"]
TimeZone = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z][-A-Za-z0-9_+/]*$", min_length=1, max_length=64)
]
# Fits into 64 bits beside all that is in flight, and into what JavaScript reads exactly.
MOST_AMOUNT = 1_000_000_000_000_000
Amount = Annotated[int, Field(ge=1, le=MOST_AMOUNT)]
AmountOrNothing = Annotated[int, Field(ge=0, le=MOST_AMOUNT)]
ZONED = rule(
    "self.timeZone == 'UTC' || self.window.startsWith('Calendar')",
    "`timeZone` must be left out unless `window` is 'CalendarDay' or 'CalendarMonth'",
)
_CONCURRENT = rule(
    "self.window != 'None' || self.resource == 'llmCalls'",
    "`window` must not be 'None' (how many at once) for anything but `resource: llmCalls`",
)
_OF_PLACES = "self.resource in ['runs', 'workers']"
_TENANT_CONCURRENT = rule(
    f"self.window != 'None' || self.resource == 'llmCalls' || {_OF_PLACES}",
    "`window` must not be 'None' (how many at once) for anything but `resource: llmCalls`, `runs` "
    "or `workers`",
)
_PLACES_AT_ONCE = rule(
    f"self.window == 'None' || !({_OF_PLACES})",
    "`window` must be 'None' (how many at once) for `resource: runs` or `workers`",
)
_PLACES_OF_ALL = rule(
    f"!({_OF_PLACES}) || (self.onExceed == 'Park' && self.selector.models.size() == 0"
    " && self.selector.classes.size() == 0 && self.selector.providers.size() == 0)",
    "`selector` and `onExceed: Reject` must be left out for `resource: runs` or `workers`",
)
_PLACES_OR_SOME = rule(
    f"{_OF_PLACES} ? self.limit <= 100000 : self.limit > 0",
    "`limit` must be more than 0, or from 0 to 100000 for `resource: runs` or `workers`",
)
_LENDING = rule(
    "!has(self.lendingLimit) || self.lendingLimit <= self.limit",
    "`lendingLimit` must not be more than `limit`",
)
_LEASED = rule(
    "self.accuracy == 'Exact' || (self.resource in ['requests', 'llmCalls'] && self.limit >= 1000"
    " && self.window in ['1s', '1m', '1h', '1d'] && self.mode == 'Enforce')",
    "`accuracy: Leased` must go with `resource: requests` or `llmCalls`, a window that slides, a "
    "`limit` of 1000 or more and `mode: Enforce`",
)
_PLACES_ALONE = rule(
    f"!({_OF_PLACES}) || (!has(self.borrowingLimit) && !has(self.lendingLimit))",
    "`borrowingLimit` and `lendingLimit` must be left out for `resource: runs` or `workers`",
)


class ProviderSelector(Spec):
    """Which calls of a provider count; all of them when both lists are empty."""

    models: Annotated[list[ModelName], Field(max_length=64, json_schema_extra=as_set())] = []
    """Models that count, as the provider names them; every model when empty."""
    classes: Annotated[list[ModelClass], Field(max_length=16, json_schema_extra=as_set())] = []
    """Model classes that count; every class when empty."""


class Selector(ProviderSelector):
    """Which calls count; all of them when every list is empty."""

    providers: Annotated[list[DnsLabel], Field(max_length=64, json_schema_extra=as_set())] = []
    """ModelProviders that count; every provider when empty."""


class Limit(Spec):
    """How much of something may be used in a time, or be there at once."""

    name: DnsLabel
    """Name of the limit, as messages and status call it."""
    resource: Resource
    """What is counted: tokens together or apart, requests, model calls, or runs and workers."""
    limit: AmountOrNothing
    """How much may be used in one window; with `window: None`, how many there may be at once."""
    window: Window
    """
    '1s', '1m', '1h' and '1d' slide, 'CalendarDay' and 'CalendarMonth' begin anew at midnight of the
    time zone, 'None' limits how many there are at once.
    """
    time_zone: TimeZone = "UTC"
    """Time zone of a calendar window by its IANA name, such as 'Europe/Berlin'; UTC by default."""
    selector: ProviderSelector = Field(default_factory=ProviderSelector)
    """Which calls count."""
    mode: Mode = "Enforce"
    """'Shadow' counts what would have been stopped and stops nothing; 'Enforce' by default."""
    on_exceed: OnExceed = "Park"
    """'Park' lets a step wait without a worker, 'Reject' fails it; 'Park' by default."""


class ProviderLimit(Limit):
    """How much of something all tenants together may use in a time."""

    model_config = ConfigDict(json_schema_extra=rules(ZONED, _CONCURRENT))

    resource: ProviderResource
    """What is counted: tokens of prompt and answer together or apart, requests, or model calls."""
    limit: Amount
    """How much may be used in one window; with `window: None`, how many calls at once."""


class TenantLimit(Limit):
    """How much of something a tenant may use in a time, or have at once."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            ZONED,
            _TENANT_CONCURRENT,
            _PLACES_AT_ONCE,
            _PLACES_OF_ALL,
            _PLACES_OR_SOME,
            _PLACES_ALONE,
            _LENDING,
            _LEASED,
        )
    )

    selector: Selector = Field(default_factory=Selector)
    """Which calls count; left out for runs and workers."""
    accuracy: Literal["Exact", "Leased"] = "Exact"
    """
    'Leased' lets gateways draw units ahead: for very many calls, and at most a hundredth of `limit`
    (or one call per gateway) over it in a window. 'Exact' by default.
    """
    borrowing_limit: AmountOrNothing | None = None
    """Most to borrow of the `cohort`, beyond `limit`; when absent, whatever it has to lend."""
    lending_limit: AmountOrNothing | None = None
    """Most to lend to the `cohort` of what is not used; all of it when absent."""


Count = Annotated[int, Field(ge=0)]
Word = Annotated[str, StringConstraints(max_length=63)]
Instant = Annotated[
    str, StringConstraints(max_length=40), Field(json_schema_extra={"format": "date-time"})
]


class LimitUsage(Spec):
    """How a limit stands; written at most once per 5 s."""

    name: Word
    """Name of the limit."""
    resource: Word
    """What is counted."""
    window: Word
    """In what time."""
    limit: Count
    """How much may be used, as the ledger enforces it."""
    used: Count
    """What was used in this window; runs that are under way, workers that are asked for."""
    reserved: Count
    """What calls that are under way may still use, estimated."""
    available: Count
    """What is left for new calls, runs or workers."""
    shadowed: Count
    """Calls that a limit in Shadow mode would have stopped; runs or workers beyond it by now."""
    waiting: Count
    """Steps that are parked for this limit; runs or workers that wait for it."""
    resets_at: Instant | None = None
    """When the window begins anew, or something is available again; absent if nothing was used."""


class ProviderLimitUsage(LimitUsage):
    """How a limit of a provider stands; written at most once per 5 s."""

    name: Annotated[str, StringConstraints(max_length=253)]
    """Name of the limit; 'resource/model' for one that the provider says."""
    limits_from: LimitsFrom = "Static"
    """'ResponseHeaders' for a limit that the provider says with its answers."""


class TenantLimitUsage(LimitUsage):
    """How a limit of a tenant stands; written at most once per 5 s."""

    available: Count
    """What is left for new calls, with what may be borrowed at this moment."""
    borrowed: Count | None = None
    """What is used beyond `limit`, lent by the cohort; absent for a limit that is in none."""
    lent: Count | None = None
    """What others of the cohort have taken of what is not used here; absent as above."""


MOST_LIMITS = 32
Limits = Annotated[
    list[ProviderLimit], Field(max_length=MOST_LIMITS, json_schema_extra=listed_by("name"))
]
TenantLimits = Annotated[
    list[TenantLimit], Field(max_length=MOST_LIMITS, json_schema_extra=listed_by("name"))
]
# What is declared, and of each of 64 models what is said of four resources.
ProviderLimitUsages = Annotated[
    list[ProviderLimitUsage],
    Field(max_length=MOST_LIMITS + 64 * 4, json_schema_extra=listed_by("name")),
]
TenantLimitUsages = Annotated[
    list[TenantLimitUsage], Field(max_length=MOST_LIMITS, json_schema_extra=listed_by("name"))
]
Nearest = Annotated[str, StringConstraints(max_length=63)]
