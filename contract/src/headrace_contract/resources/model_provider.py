"""`ModelProvider`: an LLM endpoint, its models and prices, and who may use it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StringConstraints

from headrace_contract.resources.base import (
    Currency,
    DnsLabel,
    ModelClass,
    ModelName,
    Money,
    PositiveDuration,
    SecretKey,
    Spec,
    Status,
    StopPolicy,
    as_set,
    listed_by,
    rule,
    rules,
)
from headrace_contract.resources.limits import (
    Instant,
    Limits,
    LimitsFrom,
    Nearest,
    ProviderLimitUsages,
)


class SecretKeyRef(Spec):
    """A key of a Secret in the operator's own namespace."""

    name: DnsLabel
    """Name of the Secret."""
    key: SecretKey = "apiKey"
    """Key within the Secret; 'apiKey' by default."""


class Credentials(Spec):
    """How headrace proves to the provider who pays."""

    secret_ref: SecretKeyRef
    """The Secret, in headrace's own namespace, with the API key; read by the gateway alone."""


class Price(Spec):
    """List price per one million tokens."""

    input: Money
    """Price of one million input tokens, a decimal string."""
    output: Money
    """Price of one million output tokens, a decimal string."""
    cached_input: Money | None = None
    """Price of one million input tokens that the provider had cached; that of input when absent."""
    reasoning: Money | None = None
    """Price of one million reasoning tokens; that of output when absent."""
    currency: Currency = "USD"
    """ISO 4217 code; USD by default."""


class ProviderModel(Spec):
    """One model that the provider serves."""

    name: ModelName
    """Name of the model as the provider knows it."""
    classes: Annotated[list[ModelClass], Field(max_length=16, json_schema_extra=as_set())] = []
    """Model classes that this model serves when a pipeline names no model."""
    context_window: Annotated[int, Field(ge=1, le=100000000)] | None = None
    """Most tokens of prompt and answer; no step may ask for more. Unknown when absent."""
    price: Price | None = None
    """What tokens cost; see 'pricesFrom' for when it is absent."""


class Timeouts(Spec):
    """How long the gateway waits for the provider."""

    connect: PositiveDuration = "5s"
    """Longest time to connect; 5s by default."""
    first_byte: PositiveDuration = "60s"
    """Longest time to the first byte of the answer; 60s by default."""
    total: PositiveDuration = "300s"
    """Longest time of one call; 300s by default."""


class CircuitBreaker(Spec):
    """When a provider that fails is left alone, by every gateway and for every tenant."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "duration(self.openFor) <= duration(self.maxOpenFor)",
                "`openFor` must not be longer than `maxOpenFor`",
            )
        )
    )

    consecutive_failures: Annotated[int, Field(ge=1, le=1000)] = 5
    """Calls in a row, as one gateway sees them, that got no answer: 5xx, no connection, no first
    byte in time. 5 by default."""
    open_for: PositiveDuration = "30s"
    """How long nobody calls it; then the first failure opens the circuit again, for twice as long.
    30s by default."""
    max_open_for: PositiveDuration = "10m"
    """The longest time; 10m by default."""


class ModelProviderSpec(Spec):
    """What a platform team offers."""

    type: Literal["OpenAICompatible"] = "OpenAICompatible"
    """Dialect of the endpoint."""
    endpoint: Annotated[
        str, StringConstraints(pattern=r"^https?://[^\s/?#]+(/[^\s?#]*)?$", max_length=1024)
    ]
    """Base address to which '/chat/completions' is added, such as 'https://api.acme.example/v1'."""
    credentials: Credentials | None = None
    """The API key; calls carry none when absent."""
    models: Annotated[
        list[ProviderModel],
        Field(
            min_length=1,
            max_length=64,
            json_schema_extra={
                **listed_by("name"),
                **rules(
                    rule(
                        "self.all(m, !has(m.classes) || m.classes.all(c,"
                        " self.exists_one(o, has(o.classes) && c in o.classes)))",
                        "each class must be served by exactly one model of the provider",
                    )
                ),
            },
        ),
    ]
    """The models that may be asked for."""
    prices_from: Literal["Spec", "GenaiPrices"] = "Spec"
    """Where the price of a model that gives none comes from; 'Spec', the default: nowhere, and its
    calls are recorded without a cost. 'GenaiPrices': the price list of that package, as released
    with headrace, by the endpoint and the model's name; the condition 'PricesKnown' says the rest.
    """
    allowed_tenants: Annotated[
        list[DnsLabel], Field(max_length=256, json_schema_extra=as_set())
    ] = []
    """Tenants that may use the provider; all when empty."""
    limits: Limits = []
    """How much all tenants together may use in a time; no limit when empty."""
    limits_from: LimitsFrom = "Static"
    """'Static', the default: only 'limits' count. 'ResponseHeaders': also what the provider says
    with its answers in 'x-ratelimit-*' or 'anthropic-ratelimit-*': how much it allows a minute of a
    model is a limit as well, and a model of which nothing is left is not called until it says.
    """
    circuit_breaker: CircuitBreaker | None = None
    """Leaves a provider alone that fails; when absent, every call is tried."""
    stop_policy: StopPolicy = "None"
    """'Hold' makes no new call: a fallback is asked, or the step waits. 'HoldAndDrain' also ends
    the calls that are under way, and their steps wait. 'None' by default.
    """
    timeouts: Timeouts = Field(default_factory=Timeouts)
    """How long the gateway waits."""


class ModelProviderStatus(Status):
    """What the operator observed."""

    pipelines: Annotated[int, Field(ge=0)] = 0
    """Pipelines that refer to the provider."""
    limits: ProviderLimitUsages = []
    """How each limit stands, over all tenants; those that the provider says come last."""
    cooldown_until: Instant | None = None
    """Until when nobody calls it, or the model that the condition 'CoolingDown' names; absent
    otherwise."""
    nearest: Nearest = ""
    """The limit of which most is used, for people: 'tokens 1m 92 %'."""
