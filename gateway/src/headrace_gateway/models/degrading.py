"""Which class of models answers when a budget has come to the percent at which it is to save."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from headrace_gateway.pools import Kept

if TYPE_CHECKING:
    from collections.abc import Iterable

    from headrace_contract.compiled import CompiledPipeline
    from headrace_gateway.clock import Clock
    from headrace_gateway.models.metering import Rules, Saving
    from headrace_ledger.usages import Usage

USAGE_SECONDS: Final = 2.0
WHOLE: Final = 100


class Standing(Protocol):
    """What is read of the ledger here."""

    async def usage(self, tenant: str) -> list[Usage]: ...


class Degrading:
    """Looks how budgets stand, of tenants whose budgets ask for it; in force within seconds."""

    def __init__(self, ledger: Standing, clock: Clock) -> None:
        self._usages: Kept[str, list[Usage]] = Kept(ledger.usage, USAGE_SECONDS, clock.monotonic)

    async def model(
        self, tenant: str, pipeline: CompiledPipeline, asked: str, rules: Iterable[Rules]
    ) -> str:
        """Return the class to call in place of what was asked for; mostly that itself."""
        rules = [rule for rule in rules if rule.saving is not None and rule.limit.enforced]
        if not rules:
            return asked
        standing = {(one.owner, one.name): one for one in await self._usages.get(tenant) or ()}
        classes = {model.model_class for model in pipeline.models}
        for rule in rules:
            usage = standing.get((rule.limit.owner, rule.limit.name))
            if rule.saving and usage and rule.saving.to in classes and _reached(rule.saving, usage):
                return rule.saving.to
        return asked


def _reached(saving: Saving, usage: Usage) -> bool:
    return WHOLE * usage.used >= saving.at * usage.capacity
