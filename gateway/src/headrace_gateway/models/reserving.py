"""Before a call is made it is reserved, afterwards it is settled: with every limit at once."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from headrace_contract.failures import ErrorClass
from headrace_gateway.clock import uuid7
from headrace_gateway.models.leased import Leased
from headrace_gateway.models.limited import cooling, held_back, refused
from headrace_gateway.models.metering import Rules, Whose, concerns, draws, wanted
from headrace_gateway.pools import Kept
from headrace_ledger.cooldowns import of_model
from headrace_ledger.errors import LedgerError
from headrace_ledger.reservations import Reserve, Reserved, ReserveOutcome, Settlement

if TYPE_CHECKING:
    from collections.abc import Iterable
    from decimal import Decimal

    from headrace_gateway.models.calling import Call
    from headrace_gateway.models.limited import LimitFailure
    from headrace_gateway.models.metering import Wanted
    from headrace_gateway.models.openai_compatible import Usage
    from headrace_gateway.models.patience import Patience
    from headrace_gateway.models.targets import Target
    from headrace_gateway.world import World
    from headrace_ledger.cooldowns import Cooldown

LIMITS_SECONDS: Final = 1.0
COOLING_SECONDS: Final = 1.0
MARGIN_SECONDS: Final = 60.0
DEFAULT_OUTPUT: Final = 4096
"""The most tokens of an answer when neither the caller nor the step says it."""
COUNTS_OUTPUT: Final = frozenset({"tokens", "outputTokens", "cost"})


@dataclass(frozen=True, slots=True)
class Held:
    """A reservation of ours, and the most tokens that its answer may have, if a limit asks."""

    wish: Reserve
    wanted: Wanted
    request_bytes: int
    most_output: int | None
    leased: tuple[Rules, ...] = ()
    """Limits of which it takes a unit that is at hand here."""
    written: asyncio.Task[Reserved] | None = None
    """Where the call did not wait for the ledger: what is being written of it."""


class Reserving:
    """Asks the ledger for room, and waits a little for it at the door."""

    def __init__(self, world: World, patience: Patience) -> None:
        self._world = world
        self._patience = patience
        self._estimator = world.estimator
        self._leased = Leased(world.ledger, world.clock, world.chance)
        self._cooling: Kept[None, dict[str, Cooldown]] = Kept(
            self._cooldowns, COOLING_SECONDS, world.clock.monotonic
        )
        self._rules: Kept[str, dict[str | None, list[Rules]]] = Kept(
            self._read, LIMITS_SECONDS, world.clock.monotonic
        )

    async def reserve(self, call: Call, target: Target) -> Held:
        """Reserve a call to a target.

        Raises LimitFailure when it would have to wait for long, LimitError when waiting is no use.
        """
        if target.held:
            raise held_back(target.provider, self._world.options.park_seconds)
        left = self._world.options.short_wait_seconds
        while True:
            held, failure = await self._ask(call, target)
            if failure is None:
                return held
            if failure.seconds > left:
                self._world.metrics.limited.labels(failure.resource, "Blocked").inc()
                raise failure
            wait = max(failure.seconds, 0.05)
            left -= wait
            deadline = asyncio.get_running_loop().time() + wait + 1
            await call.live.within(deadline, asyncio.sleep(wait))

    async def _ask(self, call: Call, target: Target) -> tuple[Held, LimitFailure | None]:
        """Ask once for all that the call needs; raise LimitError when waiting is no use."""
        tenant, pipeline = call.lease.tenant, call.lease.pipeline_uid
        rules = (*await self.rules(tenant), *await self.rules(tenant, pipeline))
        held = self._wish(call, target, rules)
        said = await self._take(held) or await self._reserve(held)
        if said.outcome is ReserveOutcome.RESERVED and not said.shadowed:
            return (held if held.wish.draws else self._beside(held)), None
        by_id = {rule.limit.id: rule for rule in rules}
        for limit in said.shadowed:
            self._world.metrics.limited.labels(by_id[limit].limit.resource, "Shadow").inc()
        if said.outcome is ReserveOutcome.RESERVED:
            return held, None
        rule = by_id.get(said.limit_id or 0)
        if said.outcome is ReserveOutcome.COOLING or rule is None:
            why = await self._cooldown(target.provider, target.model)
            return held, cooling(target, why.reason if why else "", said.seconds)
        if rule.rejects and rule.tells and said.outcome is ReserveOutcome.BLOCKED:
            await self._tell_refusal(said, rule)
        return held, refused(said, rule)

    async def _tell_refusal(self, said: Reserved, rule: Rules) -> None:
        """Let the budget's webhook hear of it: no step waits from which the ledger would know."""
        with suppress(LedgerError):  # the next call that is refused says it again
            limit = rule.limit
            await self._world.ledger.tell_refusal(limit.tenant, limit.id, said.amount or 0)

    async def _take(self, held: Held) -> Reserved | None:
        """Take a unit of every leased limit, or none of any; return what the ledger said then."""
        for n, rule in enumerate(held.leased):
            ask = partial(self._leased.take, rule.limit)
            said = await self._patience.until_there(ask)
            if said is not None:
                self._put_back(held.leased[:n])
                return said
        return None

    async def _reserve(self, held: Held) -> Reserved:
        """Reserve what every other limit asks; without any the ledger is not waited for."""
        if held.wish.draws:
            said = await self._patience.until_there(lambda: self._world.ledger.reserve(held.wish))
        else:
            said = await self._open(held.wish)
        if said.outcome is not ReserveOutcome.RESERVED:
            self._put_back(held.leased)
        return said

    async def _open(self, wish: Reserve) -> Reserved:
        """Look whether a provider cools, as was known a second ago at the latest."""
        found = await self._cooldown(wish.provider, wish.model)
        if found is None:
            return Reserved(ReserveOutcome.RESERVED)
        left = (found.until - self._world.clock.now()).total_seconds()
        return Reserved(ReserveOutcome.COOLING, seconds=max(left, COOLING_SECONDS))

    def _beside(self, held: Held) -> Held:
        """Write the reservation while the call is made: a gateway that dies has to leave it."""
        wish = held.wish
        writing = self._patience.until_there(lambda: self._world.ledger.reserve(wish))
        written = asyncio.ensure_future(writing)
        written.add_done_callback(lambda done: None if done.cancelled() else done.exception())
        return replace(held, written=written)

    def _put_back(self, leased: Iterable[Rules]) -> None:
        for rule in leased:
            self._leased.put_back(rule.limit)

    async def rules(self, tenant: str, pipeline: str | None = None) -> list[Rules]:
        """Return the limits of a tenant and of all providers; or those of one of its pipelines."""
        rules = await self._patience.until_there(lambda: self._rules.get(tenant)) or {}
        return rules.get(pipeline, [])

    async def settle(self, held: Held, usage: Usage, cost: Decimal | None, *, calls: int) -> None:
        """Settle with what was used; if the ledger is away the sweep settles at the estimate."""
        wish = held.wish
        if usage.input_tokens and not usage.estimated:  # nothing is learnt of our own guess
            self._estimator.learn(wish.provider, wish.model, held.request_bytes, usage.input_tokens)
            self._world.metrics.estimates.observe(wish.input_tokens / usage.input_tokens)
        done = Settlement(
            wish.tenant, wish.id, usage.input_tokens, usage.output_tokens, cost, calls
        )
        if not calls:
            self._put_back(held.leased)
        with suppress(LedgerError):
            await self._patience.surely(lambda: self._settle(held, done))

    async def _settle(self, held: Held, done: Settlement) -> None:
        if held.written is not None:
            await asyncio.wait([held.written])
        await self._world.ledger.settle(done)

    async def cool(
        self, provider: str, seconds: float, reason: str = ErrorClass.RATE_LIMITED.value
    ) -> None:
        """Keep everybody from a provider that asked for a pause, or from a model of it."""
        with suppress(LedgerError):  # whoever calls next is told by the provider itself
            await self._world.ledger.cool_down(provider, seconds, reason)
        self.look_again()

    def look_again(self) -> None:
        """Forget which providers cool: one has failed."""
        self._cooling.forget(None)

    def _wish(self, call: Call, target: Target, rules: tuple[Rules, ...]) -> Held:
        ask, lease = call.ask, call.lease
        output = ask.most_output or call.step_output or DEFAULT_OUTPUT
        most = output * ask.choices
        tokens = self._estimator.tokens(target.provider, target.model, ask.size)
        whose = Whose(lease.pipeline_uid, lease.step, lease.run)
        meant = wanted(whose, target, tokens, ask.size, most)
        drawn = draws((rule for rule in rules if not rule.leased), meant)
        leased = tuple(rule for rule in rules if rule.leased and concerns(rule, meant))
        counts_output = any(
            rule.limit.resource in COUNTS_OUTPUT and not rule.learnt and concerns(rule, meant)
            for rule in rules
        )
        wish = Reserve(
            tenant=lease.tenant,
            id=uuid7(self._world.clock.now(), self._world.chance),
            task=lease.task,
            fence=lease.fence,
            run=lease.run,
            step=lease.step,
            provider=target.provider,
            model=target.model,
            input_tokens=meant.usage.input_tokens,
            output_tokens=meant.usage.output_tokens,
            cost=meant.cost,
            currency=meant.currency,
            life_seconds=target.total_seconds + MARGIN_SECONDS,
            draws=drawn,
        )
        most_output = output if counts_output and not ask.most_output else None
        return Held(wish, meant, ask.size, most_output, leased)

    async def _cooldown(self, provider: str, model: str) -> Cooldown | None:
        found = await self._patience.until_there(lambda: self._cooling.get(None)) or {}
        return found.get(provider) or found.get(of_model(provider, model))

    async def _cooldowns(self, _: None) -> dict[str, Cooldown]:
        return {one.provider: one for one in await self._world.ledger.cooldowns()}

    async def _read(self, tenant: str) -> dict[str | None, list[Rules]]:
        """Read limits by pipeline: a tenant of many would else look at all of theirs each call."""
        found: dict[str | None, list[Rules]] = defaultdict(list)
        for limit in await self._world.ledger.limits_of(tenant):
            rule = Rules.of(limit)
            found[rule.pipeline].append(rule)
        return dict(found)
