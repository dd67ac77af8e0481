"""Prices that a provider does not give, from the price list that its spec names: never silently."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import genai_prices
from genai_prices.data_snapshot import get_snapshot

from headrace_contract.priced import PricedProvider
from headrace_contract.resources.base import MONEY_PATTERN
from headrace_contract.resources.model_provider import Price

if TYPE_CHECKING:
    from datetime import datetime

    from headrace_contract.resources.model_provider import ModelProviderSpec

LIST: Final = f"genai-prices/{genai_prices.__version__}"
_LONGEST: Final = 19


@dataclass(frozen=True, slots=True)
class Priced:
    """A provider with all prices that are known, and how many are from where."""

    offer: PricedProvider
    written: int
    listed: int
    missing: tuple[str, ...]
    """Names of the models without a price."""


def priced(spec: ModelProviderSpec, now: datetime) -> Priced:
    """Fill in what a price list knows, if the spec asks for it; what is written stays as it is."""
    wanted = spec.prices_from == "GenaiPrices"
    written = {model.name: model.price for model in spec.models if model.price is not None}
    listed = {
        model.name: price
        for model in spec.models
        if wanted and model.name not in written
        for price in (listed_price(spec.endpoint, model.name, now),)
        if price is not None
    }
    known = {**written, **listed}
    models = [model.model_copy(update={"price": known.get(model.name)}) for model in spec.models]
    offer = PricedProvider.model_construct(
        **{**dict(spec), "models": models, "price_versions": dict.fromkeys(listed, LIST)}
    )
    missing = tuple(model.name for model in spec.models if model.name not in known)
    return Priced(offer, len(written), len(listed), missing)


def listed_price(endpoint: str, model: str, now: datetime) -> Price | None:
    """Return the price on the list that comes with the package; nothing is fetched.

    By the endpoint, never by the model's name alone: a model that is served at home costs something
    else. None for a price that depends on the length of the prompt, which `Price` cannot say.
    """
    try:
        _, found = get_snapshot().find_provider_model(model, None, None, endpoint)
    except LookupError:
        return None
    prices = found.get_prices(now)
    given, made = _money(prices.input_mtok), _money(prices.output_mtok)
    if given is None or made is None:
        return None
    cached = prices.cache_read_mtok
    if cached is not None and _money(cached) is None:
        return None
    return Price(input=given, output=made, cached_input=_money(cached))


def _money(price: object) -> str | None:
    if not isinstance(price, Decimal):
        return None
    text = f"{price:f}"
    return text if len(text) <= _LONGEST and re.fullmatch(MONEY_PATTERN, text) else None
