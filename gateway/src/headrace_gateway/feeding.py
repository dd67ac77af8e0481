"""Looks up what the limits of a pool can feed; what it reads is kept for moments."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from headrace_contract.names import PLATFORM_TENANT
from headrace_gateway.feed import Demand, feed, rooms
from headrace_gateway.models.metering import Rules, Whose, expected
from headrace_gateway.models.openai_compatible import Usage
from headrace_gateway.models.refusals import ModelError
from headrace_gateway.models.targets import Targets
from headrace_gateway.pools import Kept
from headrace_ledger.reservations import NO_SUBJECT

if TYPE_CHECKING:
    from headrace_contract.compiled import CompiledLLM, CompiledPipeline
    from headrace_gateway.feed import Feed
    from headrace_gateway.models.metering import Wanted
    from headrace_gateway.pools import Versions
    from headrace_gateway.world import World
    from headrace_ledger.declared import Limit, PipelineRecord, PoolRecord, UsualCall
    from headrace_ledger.usages import Usage as LimitUsage

LIMITS_SECONDS: Final = 1.0
PIPELINE_SECONDS: Final = 2.0
USUAL_SECONDS: Final = 10.0
CALL_SECONDS: Final = 10.0
"""How long a call is taken to last before one of its step has been answered."""


class Feeding:
    """Only pools whose every step is a model's are judged: others may have work without calls."""

    def __init__(self, world: World) -> None:
        ledger, monotonic = world.ledger, world.clock.monotonic
        self._clock = world.clock
        self._estimator = world.estimator
        self._versions: Versions = world.versions
        self._targets = Targets(ledger, world.clock)
        self._pipelines: Kept[tuple[str, str], PipelineRecord] = Kept(
            lambda key: ledger.pipeline(*key), PIPELINE_SECONDS, monotonic
        )
        self._limits: Kept[str, list[Limit]] = Kept(ledger.limits_of, LIMITS_SECONDS, monotonic)
        self._standing: Kept[str, list[LimitUsage]] = Kept(ledger.usage, LIMITS_SECONDS, monotonic)
        self._usual: Kept[tuple[str, int], list[UsualCall]] = Kept(
            lambda key: ledger.usual_calls(*key), USUAL_SECONDS, monotonic
        )

    async def of(self, pool: PoolRecord) -> Feed | None:
        """Return how many workers the limits can feed; None for all that the pool may have."""
        pipeline = await self._compiled(pool)
        if pipeline is None:
            return None
        steps = [step for step in pipeline.steps if step.pool == pool.pool]
        asking = [(step.name, step.llm) for step in steps if step.llm is not None]
        if len(asking) < len(steps):
            return None
        try:
            demands = [await self._demand(pipeline, step, llm, pool) for step, llm in asking]
        except ModelError:
            return None  # there is nobody to ask, so that no limit is in the way
        rules = [Rules.of(limit) for limit in await self._limits.get(pool.tenant) or ()]
        standing = [
            usage
            for tenant in (pool.tenant, PLATFORM_TENANT)
            for usage in await self._standing.get(tenant) or ()
        ]
        every = rooms(rules, standing, self._clock.now())
        found = feed(demands, every, pool.concurrency_per_worker)
        return None if found is None or found.workers >= pool.max_replicas else found

    async def _compiled(self, pool: PoolRecord) -> CompiledPipeline | None:
        record = await self._pipelines.get((pool.namespace, pool.pipeline))
        if record is None or record.uid != pool.pipeline_uid:
            return None
        return await self._versions.parsed(record.tenant, record.digest)

    async def _demand(
        self, pipeline: CompiledPipeline, step: str, llm: CompiledLLM, pool: PoolRecord
    ) -> Demand:
        targets = await self._targets.find(pipeline, pool.tenant, llm.model_class)
        whose = Whose(pipeline.uid, step, NO_SUBJECT)
        known = self._estimator
        calls = [expected(whose, llm, each, 0, known) for each in targets if not each.held]
        every = await self._usual.get((pool.tenant, pool.pipeline_id)) or ()
        usual = next((one for one in every if one.step == step), None)
        if usual is None:
            return Demand(tuple(calls), CALL_SECONDS)
        return Demand(tuple(_usually(call, usual) for call in calls), usual.seconds)


def _usually(call: Wanted, usual: UsualCall) -> Wanted:
    """Put what calls of the step have taken in place of what was expected of one."""
    tokens = Usage(math.ceil(usual.input_tokens), math.ceil(usual.output_tokens))
    return replace(call, usage=tokens, cost=call.cost if usual.cost is None else usual.cost)
