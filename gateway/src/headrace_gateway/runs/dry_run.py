"""`POST …/runs?dryRun=true`: what would become of a run, and nothing is spent or written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headrace_contract.api import DryRun, DryRunKey, DryRunLimit
from headrace_contract.names import PLATFORM_TENANT
from headrace_gateway.errors import BadRequestError
from headrace_gateway.models.metering import Rules, Whose, asked, concerns, expected
from headrace_gateway.models.refusals import ModelError
from headrace_gateway.models.targets import Targets
from headrace_gateway.runs.keys import keys_json
from headrace_ledger.reservations import NO_SUBJECT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from headrace_contract.compiled import CompiledLLM, CompiledPipeline, CompiledStep
    from headrace_gateway.models.metering import Wanted
    from headrace_gateway.world import World
    from headrace_ledger.usages import Usage as LimitUsage


class DryRuns:
    """Looks at limits, prices and the queue as a run of the pipeline would meet them now."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._targets = Targets(world.ledger, world.clock)

    async def look(
        self, pipeline: CompiledPipeline, input_bytes: int, keys: dict[str, str]
    ) -> DryRun:
        """Estimate the calls of the LLM steps, each once; other steps may call models too."""
        calls = [
            call
            for step in pipeline.steps
            if step.llm is not None
            for call in [await self._wanted(pipeline, step, step.llm, input_bytes)]
            if call is not None
        ]
        ledger = self._world.ledger
        rules = [Rules.of(limit) for limit in await ledger.limits_of(pipeline.tenant)]
        usages = [*await ledger.usage(pipeline.tenant), *await ledger.usage(PLATFORM_TENANT)]
        limits = met(rules, usages, calls)
        costs = {call.currency: call.cost for call in calls}
        priced = len(costs) == 1 and None not in costs.values()
        total = sum((call.cost for call in calls if call.cost is not None), start=0)
        held = await self._keys(pipeline, keys)
        return DryRun(
            accepted=all(one.open < one.limit or one.on_exceed != "Reject" for one in held),
            keys=held,
            limits=limits,
            input_tokens=sum(call.usage.input_tokens for call in calls),
            output_tokens=sum(call.usage.output_tokens for call in calls),
            cost=f"{total:f}" if priced else None,
            currency=calls[0].currency if priced else None,
            ahead=await self._ahead(pipeline),
        )

    async def _wanted(
        self, pipeline: CompiledPipeline, step: CompiledStep, llm: CompiledLLM, input_bytes: int
    ) -> Wanted | None:
        try:
            target = (await self._targets.find(pipeline, pipeline.tenant, llm.model_class))[0]
        except ModelError:
            return None  # the pipeline's own conditions tell of a model that is not there
        whose = Whose(pipeline.uid, step.name, NO_SUBJECT)
        return expected(whose, llm, target, input_bytes, self._world.estimator)

    async def _keys(self, pipeline: CompiledPipeline, keys: dict[str, str]) -> list[DryRunKey]:
        given = keys_json(keys)
        if given is None:
            return []
        found = await self._world.ledger.open_of_keys(pipeline.tenant, pipeline.uid, given)
        return [
            DryRunKey(
                name=one.name,
                key=keys[one.name],
                limit=one.limit,
                open=found.get(one.name, 0),
                on_exceed=one.on_exceed,
            )
            for one in pipeline.keys
            if one.name in keys
        ]

    async def _ahead(self, pipeline: CompiledPipeline) -> int:
        counts = await self._world.ledger.counts()
        return sum(
            one.runnable + one.parked
            for one in counts
            if (one.namespace, one.pipeline) == (pipeline.namespace, pipeline.name)
        )


def met(
    rules: Iterable[Rules], usages: Iterable[LimitUsage], calls: Iterable[Wanted]
) -> list[DryRunLimit]:
    """Return the limits that some call would meet, and whether its largest one fits now."""
    standing = {(one.tenant, one.owner, one.name): one for one in usages}
    every = list(calls)
    found = []
    for rule in rules:
        limit = rule.limit
        largest = max((asked(rule, call) for call in every if concerns(rule, call)), default=None)
        if largest is None:
            continue
        one = standing.get((limit.tenant, limit.owner, limit.name))
        left, whole = (one.available, one.whole) if one else (limit.capacity, limit.capacity)
        blocks = limit.enforced and largest > left
        found.append(
            DryRunLimit(
                name=limit.name,
                of=rule.owner,
                resource=limit.resource,
                window=limit.window,
                available=left,
                blocks=blocks,
                too_small=limit.enforced and largest > whole,
                resets_at=one.resets_at if one is not None and blocks else None,
            )
        )
    return found


def read_dry_run(given: str | None) -> bool:
    """Read `?dryRun=`; anything but true and false is refused, since it could mean a real run."""
    if given in (None, "false"):
        return False
    if given == "true":
        return True
    message = "`dryRun` must be true or false."
    raise BadRequestError(message)
