"""One slot at work: a lease, and then the next steps of the same run for as long as there are."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from headrace_contract.protocol import BeatOutcome
from headrace_worker.attempt import StepContext, attempt
from headrace_worker.errors import DoorError
from headrace_worker.facts import facts
from headrace_worker.holding import Holding
from headrace_worker.progress import Progress
from headrace_worker.settle import Settle

if TYPE_CHECKING:
    from collections.abc import Callable

    from headrace_contract.compiled import CompiledPipeline, CompiledStep
    from headrace_contract.protocol import Lease
    from headrace_worker.beat import Beat
    from headrace_worker.means import Means
    from headrace_worker.steps.children import Children

log = logging.getLogger(__name__)


class Chains:
    """What the slots of a worker hold."""

    def __init__(
        self, means: Means, beat: Beat, children: Children, draining: Callable[[], bool]
    ) -> None:
        self._means = means
        self._settle = Settle(means)
        self._beat = beat
        self._children = children
        self._draining = draining
        self._holdings: set[Holding] = set()

    def interrupt(self) -> None:
        """Stop every running step, so that its chain hands it back."""
        for holding in tuple(self._holdings):
            holding.stop(BeatOutcome.INTERRUPT)

    def close(self) -> None:
        self._settle.close()

    async def carry(self, lease: Lease) -> None:
        """Run a step and what follows it in its run; nothing that goes wrong leaves the slot."""
        following: Lease | None = lease
        try:
            while following is not None:
                lease = following
                following = await self._one(lease)
        except DoorError as exc:
            log.error("Step given up: the gateway refuses it.", extra=_told(lease, exc))  # noqa: TRY400 -- a stack says nothing here
        except Exception as exc:
            log.exception("Step given up.", extra=_told(lease, exc))

    async def _one(self, lease: Lease) -> Lease | None:
        context = self._context(lease)
        if context is None or self._draining():
            await self._settle.release(lease)
            return None
        holding = Holding(attempt(context))
        self._holdings.add(holding)
        self._beat.hold(lease, holding.tell)
        try:
            end = await holding.end()
            if not isinstance(end, BeatOutcome):
                more = leads_on(context.pipeline, context.step) and not self._draining()
                return await self._settle.settle(lease, end, more=more)
            log.info("Step stopped.", extra={**facts(lease), "why": end})
            if end is BeatOutcome.INTERRUPT:
                await self._settle.release(lease)
            return None  # lost or cancelled: it is not ours any more, and nothing is undone
        finally:
            self._beat.let_go(lease)
            self._holdings.discard(holding)

    def _context(self, lease: Lease) -> StepContext | None:
        key = self._means.keys.take(lease.key_hash)
        pipeline = self._means.pipelines.of(lease)
        if key is None or pipeline is None:
            log.error("Step came without its key or pipeline.", extra=facts(lease))
            return None

        return StepContext(
            lease=lease,
            step=pipeline.step(lease.step),
            pipeline=pipeline,
            key=key,
            world=self._means.world,
            profile=self._means.profile,
            children=self._children,
            progress=Progress(self._means.world, lease),
        )


def leads_on(pipeline: CompiledPipeline, step: CompiledStep) -> bool:
    """Say whether the end of this step may make another one due that its slot could take on."""
    return any(
        step.name in later.depends_on and later.pool == step.pool for later in pipeline.steps
    )


def _told(lease: Lease, error: Exception) -> dict[str, object]:
    return {**facts(lease), "error": f"{type(error).__name__}: {error}"}
