"""From the class that a step names to the providers that are asked, in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from headrace_contract.failures import ErrorClass
from headrace_contract.priced import PricedProvider
from headrace_contract.resources.base import parse_duration
from headrace_gateway.models.refusals import ModelError, UnknownModelError
from headrace_gateway.pools import Kept

if TYPE_CHECKING:
    from headrace_contract.compiled import CompiledPipeline, CompiledTarget
    from headrace_contract.resources.model_provider import CircuitBreaker, Price
    from headrace_gateway.clock import Clock
    from headrace_ledger.declared import ProviderRow

PROVIDER_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Target:
    """One model of one provider, with all that a call needs but the secret itself."""

    provider: str
    model: str
    model_class: str
    endpoint: str
    secret: tuple[str, str] | None
    price: Price | None
    connect_seconds: float
    first_byte_seconds: float
    total_seconds: float
    breaker: CircuitBreaker | None = None
    held: bool = False
    """No call is made to it: a fallback is asked, or the step is parked."""
    learns: bool = False
    """What it says of its own limits counts."""
    price_version: str | None = None
    """Where the price comes from; None without a price."""


class Providers(Protocol):
    """What is read of the ledger here."""

    async def provider(self, name: str) -> ProviderRow | None: ...


class Targets:
    """Looks providers up; a change is in force within two seconds."""

    def __init__(self, ledger: Providers, clock: Clock) -> None:
        self._ledger = ledger
        self._specs: Kept[str, PricedProvider] = Kept(self._spec, PROVIDER_SECONDS, clock.monotonic)

    async def find(self, pipeline: CompiledPipeline, tenant: str, model: str) -> list[Target]:
        """Return at least one target; refuse a name that the pipeline does not know."""
        model_class, wanted = named(pipeline, model)
        found = [await self._target(tenant, target, model_class) for target in wanted]
        usable = [target for target in found if target is not None]
        if not usable:
            text = "No provider of this model is there, or it does not serve this tenant."
            raise ModelError(ErrorClass.PROVIDER_ERROR, text)
        return usable

    async def _target(self, tenant: str, wanted: CompiledTarget, model_class: str) -> Target | None:
        spec = await self._specs.get(wanted.provider)
        if spec is None or (spec.allowed_tenants and tenant not in spec.allowed_tenants):
            return None
        model = next((each for each in spec.models if each.name == wanted.model), None)
        if model is None:
            return None
        reference = spec.credentials.secret_ref if spec.credentials else None
        return Target(
            provider=wanted.provider,
            model=wanted.model,
            model_class=model_class,
            endpoint=spec.endpoint,
            secret=(reference.name, reference.key) if reference else None,
            price=model.price,
            connect_seconds=parse_duration(spec.timeouts.connect).total_seconds(),
            first_byte_seconds=parse_duration(spec.timeouts.first_byte).total_seconds(),
            total_seconds=parse_duration(spec.timeouts.total).total_seconds(),
            breaker=spec.circuit_breaker,
            learns=spec.limits_from == "ResponseHeaders",
            held=spec.stop_policy != "None",
            price_version=spec.price_version(model.name) if model.price else None,
        )

    async def _spec(self, name: str) -> PricedProvider | None:
        row = await self._ledger.provider(name)
        return None if row is None else read_provider(row)


def read_provider(row: ProviderRow) -> PricedProvider:
    """Read what the operator wrote into a provider's row."""
    return PricedProvider.model_validate_json(row.spec)


def named(pipeline: CompiledPipeline, name: str) -> tuple[str, list[CompiledTarget]]:
    """Return a class and its targets, or the class of the one target whose model is so named."""
    for model in pipeline.models:
        if model.model_class == name:
            return model.model_class, model.targets
    for model in pipeline.models:
        for target in model.targets:
            if target.model == name:
                return model.model_class, [target]
    raise UnknownModelError([model.model_class for model in pipeline.models])
