"""What a call may use, before it is made: tokens by its bytes, and the limits that it draws on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from pydantic_core import from_json

from headrace_contract.names import OF_BUDGET
from headrace_gateway.models.openai_compatible import Usage
from headrace_gateway.models.prices import most
from headrace_ledger.limits import nano
from headrace_ledger.reservations import NO_SUBJECT, Draw

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from headrace_contract.compiled import CompiledLLM
    from headrace_gateway.models.targets import Target
    from headrace_ledger.declared import Limit

WINDOW_SECONDS: Final = {"1s": 1.0, "1m": 60.0, "1h": 3600.0, "1d": 86400.0}
"""The windows that slide."""
TOKENS_PER_BYTE: Final = 0.3
"""Before a model has answered once: a little more than prose takes, so that it rather waits."""
WEIGHT: Final = 0.1
"""How much of the latest answer goes into the ratio of a model."""
ENVELOPE_BYTES: Final = 64
"""What stands around the messages of a request, and costs no tokens."""


@dataclass(frozen=True, slots=True)
class Saving:
    """From so many percent of a budget on, calls are made of another class."""

    at: int
    to: str


@dataclass(frozen=True, slots=True)
class Rules:
    """A limit, and whom it concerns: empty sets concern everybody."""

    limit: Limit
    providers: frozenset[str]
    models: frozenset[str]
    classes: frozenset[str]
    pipeline: str | None
    step: str | None
    currency: str | None
    rejects: bool
    leased: bool
    """Whether its units are drawn ahead, so that a call need not ask the ledger."""
    drains: bool
    """Whether calls under way end once it has no room for them."""
    tells: bool = False
    """Whether a webhook is told of its end."""
    saving: Saving | None = None
    learnt: bool = False
    """Whether the provider said it with its answers, and nobody declared it."""

    @classmethod
    def of(cls, limit: Limit) -> Rules:
        """Read what the operator wrote into the limit's row."""
        said = from_json(limit.spec)
        kind, _, owner = limit.owner.partition("/")
        return cls(
            limit=limit,
            providers=frozenset([owner] if kind == "provider" else said.get("providers") or ()),
            models=frozenset(said.get("models") or ()),
            classes=frozenset(said.get("classes") or ()),
            pipeline=owner if kind == "pipeline" else None,
            step=said.get("step"),
            currency=said.get("currency"),
            rejects=said.get("onExceed") == "Reject",
            leased=said.get("accuracy") == "Leased",
            drains=said.get("onExceed") == "HoldAndDrain",
            tells="webhook" in said,
            saving=Saving(said["degradeAt"], said["degradeTo"]) if "degradeTo" in said else None,
            learnt=kind == "learnt",
        )

    @property
    def owner(self) -> str:
        """Say whose limit it is: a tenant's, a provider's or a pipeline's."""
        return "provider" if self.learnt else self.limit.owner.split("/")[0]

    @property
    def named(self) -> str:
        """Name the limit or budget as its owner declared it."""
        owner = self.owner
        if self.learnt:
            (provider,), (model,) = self.providers, self.models
            return f"limit that '{provider}' says it has of '{model}' ({self.limit.resource})"
        if self.limit.name.startswith(OF_BUDGET):
            return f"budget '{self.limit.name.removeprefix(OF_BUDGET)}' of {owner}"
        return f"limit '{self.limit.name}' of {owner} ({self.limit.resource})"

    def told(self, quantity: int) -> str:
        """Write what the ledger counts for people: money is there in billionths."""
        if self.limit.resource != "cost":
            return str(quantity)
        return f"{Decimal(quantity).scaleb(-9).normalize():f} {self.currency}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A call that somebody is about to make, and the most that it may use."""

    pipeline: str
    step: str
    run: UUID
    model_class: str
    provider: str
    model: str
    usage: Usage
    """What it is likely to use of tokens, at most `max_tokens` of output."""
    cost: Decimal | None
    """The most that it can cost: no token has less than a byte."""
    currency: str | None


@dataclass(frozen=True, slots=True)
class Whose:
    """On whose behalf a call is made."""

    pipeline: str
    step: str
    run: UUID


def wanted(whose: Whose, target: Target, tokens: int, request_bytes: int, output: int) -> Wanted:
    """Say what a call may use: these tokens of prompt, and of output at most so many."""
    return Wanted(
        pipeline=whose.pipeline,
        step=whose.step,
        run=whose.run,
        model_class=target.model_class,
        provider=target.provider,
        model=target.model,
        usage=Usage(tokens, output),
        cost=most_cost(request_bytes, output, target),
        currency=target.price.currency if target.price else None,
    )


def expected(
    whose: Whose, llm: CompiledLLM, target: Target, input_bytes: int, estimator: Estimator
) -> Wanted:
    """Say what a step's call may use before it is written: by its prompt and so much input."""
    size = len((llm.system or "").encode()) + len(llm.prompt.encode()) + input_bytes
    tokens = estimator.tokens(target.provider, target.model, size)
    return wanted(whose, target, tokens, size, llm.max_tokens)


def draws(rules: Iterable[Rules], wanted: Wanted) -> tuple[Draw, ...]:
    """Return what a call draws on every limit that concerns it."""
    return tuple(
        Draw(
            rule.limit.tenant,
            rule.limit.id,
            rule.limit.resource,
            asked(rule, wanted),
            wanted.run if rule.limit.window == "Run" else NO_SUBJECT,
        )
        for rule in rules
        if concerns(rule, wanted)
    )


def concerns(rule: Rules, wanted: Wanted) -> bool:
    """Say whether a limit speaks about a call."""
    return (
        rule.pipeline in (None, wanted.pipeline)
        and rule.step in (None, wanted.step)
        and (not rule.providers or wanted.provider in rule.providers)
        and (not rule.models or wanted.model in rule.models)
        and (not rule.classes or wanted.model_class in rule.classes)
        and (rule.limit.resource != "cost" or rule.currency == wanted.currency)
    )


def asked(rule: Rules, wanted: Wanted) -> int:
    """Return what a call takes of a limit.

    A call larger than a limit that was learnt waits for all of it: only the provider can know that
    it is too large.
    """
    whole = amount(rule.limit.resource, wanted)
    return min(whole, rule.limit.capacity) if rule.learnt else whole


def amount(resource: str, wanted: Wanted) -> int:
    """Return what a call takes of a resource: tokens, calls, or billionths of a currency."""
    usage = wanted.usage
    match resource:
        case "tokens":
            return usage.input_tokens + usage.output_tokens
        case "inputTokens":
            return usage.input_tokens
        case "outputTokens":
            return usage.output_tokens
        case "cost":
            return nano(wanted.cost)
        case _:
            return 1


def most_cost(request_bytes: int, most_output: int, target: Target) -> Decimal | None:
    """Return the upper bound of what a call can cost; None without a price."""
    if target.price is None:
        return None
    return most(Usage(request_bytes, most_output), target.price)


class Estimator:
    """Tokens of a request by its bytes: a ratio per model, corrected by what providers count."""

    def __init__(self) -> None:
        self._ratios: dict[tuple[str, str], float] = {}

    def tokens(self, provider: str, model: str, request_bytes: int) -> int:
        ratio = self._ratios.get((provider, model), TOKENS_PER_BYTE)
        return math.ceil(max(request_bytes - ENVELOPE_BYTES, 0) * ratio) + 1

    def learn(self, provider: str, model: str, request_bytes: int, counted: int) -> None:
        """Take what a provider counted for a request of so many bytes; nothing is learnt of 0."""
        size = request_bytes - ENVELOPE_BYTES
        if counted <= 0 or size <= 0:
            return
        known = self._ratios.get((provider, model))
        seen = min(counted / size, 1.0)
        self._ratios[provider, model] = seen if known is None else known + WEIGHT * (seen - known)
