"""A provider as its row in the ledger has it: the spec, and where each price is from."""

from __future__ import annotations

from typing import Final

from headrace_contract.resources.model_provider import ModelProviderSpec

FROM_SPEC: Final = "spec"


class PricedProvider(ModelProviderSpec):
    """What the operator writes and the gateway reads; prices of a list are filled in already."""

    price_versions: dict[str, str] = {}
    """By model, `LIST/VERSION` of the price list; the prices of other models were written."""

    def price_version(self, model: str) -> str:
        return self.price_versions.get(model, FROM_SPEC)
