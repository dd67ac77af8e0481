"""A provider as its row in the ledger has it: the spec, and where each price is from."""

from __future__ import annotations

from typing import Final

from pydantic import ConfigDict

from headrace_contract.resources.model_provider import ModelProviderSpec

FROM_SPEC: Final = "spec"


class PricedProvider(ModelProviderSpec):
    """What the operator writes and the gateway reads; prices of a list are filled in already."""

    model_config = ConfigDict(extra="ignore")  # an old gateway can read a newer row

    price_versions: dict[str, str] = {}
    """By model, `LIST/VERSION` of the price list; the prices of other models were written."""

    def price_version(self, model: str) -> str:
        return self.price_versions.get(model, FROM_SPEC)

    def row(self) -> str:
        """Write the row: only what is no default, so that an older gateway knows all of it.

        Limits have rows of their own.
        """
        return self.model_dump_json(by_alias=True, exclude_defaults=True, exclude={"limits"})
