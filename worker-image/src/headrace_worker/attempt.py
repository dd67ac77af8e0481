"""One attempt of one step: from a lease to a verdict."""

from __future__ import annotations

import asyncio
import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from headrace_contract.failures import ErrorClass
from headrace_worker.errors import StepFailedError
from headrace_worker.facts import facts
from headrace_worker.steps.judge import Done, Failed, Skipped, judge_error, judge_output

if TYPE_CHECKING:
    from pydantic import SecretStr

    from headrace_contract.compiled import CompiledPipeline, CompiledStep
    from headrace_contract.protocol import Lease
    from headrace_worker.profile import Profile
    from headrace_worker.progress import Progress
    from headrace_worker.steps.children import Children
    from headrace_worker.steps.judge import Verdict
    from headrace_worker.world import World


@dataclass(frozen=True, slots=True)
class StepContext:
    """Everything that the runner of a step type may use."""

    lease: Lease
    step: CompiledStep
    pipeline: CompiledPipeline
    key: SecretStr
    world: World
    profile: Profile
    children: Children
    progress: Progress

    @property
    def facts(self) -> dict[str, Any]:
        """Name the step in a log line."""
        return facts(self.lease)

    @property
    def variables(self) -> dict[str, Any]:
        """What templates and CEL see; a skipped step is absent."""
        outputs = self.lease.outputs.items()
        return {
            "input": self.lease.input,
            "steps": {name: {"output": output} for name, output in outputs},
        }


class Runner(Protocol):
    """What each module of a step type offers as `run`."""

    async def __call__(self, context: StepContext) -> Any: ...


async def attempt(context: StepContext) -> Verdict:
    """Run the step within its time; everything but a cancellation becomes a verdict."""
    try:
        async with asyncio.timeout(context.lease.timeout_seconds):
            if not _wanted(context):
                return Skipped()
            verdict = judge_output(await _runner(context.step.type)(context))
            if isinstance(verdict, Done) and context.step.output_schema is not None:
                _check(context.step.output_schema, verdict.output)
            return verdict
    except Exception as exc:  # noqa: BLE001 -- a step may raise anything, and none may end the worker
        verdict = judge_error(exc)
        return _without(verdict, context.key)


def _wanted(context: StepContext) -> bool:
    if context.step.when is None:
        return True
    # Each step type, Jinja2 and CEL cost a cold start 60 to 200 ms: they are loaded when a step
    # needs them, which is after the first claim.
    module = importlib.import_module("headrace_worker.steps.when")
    holds: bool = module.holds(context.step.when, context.variables)
    return holds


def _check(schema: dict[str, Any], output: Any) -> None:
    """Hold the output of a run's last step against the schema of the pipeline's."""
    faults = importlib.import_module("headrace_worker.steps.schema").faults(schema, output)
    if faults:
        message = f"The output does not fit `output.schema` of the pipeline: {'; '.join(faults)}"
        raise StepFailedError(ErrorClass.INVALID_OUTPUT, message)


def _runner(kind: str) -> Runner:
    module = importlib.import_module(f"headrace_worker.steps.{kind.lower()}")
    runner: Runner = module.run
    return runner


def _without(failed: Failed, key: SecretStr) -> Failed:
    """Take the step's key out of a message, should user code have put it there."""
    message = failed.message.replace(key.get_secret_value(), "[key]")
    return Failed(failed.error_class, message, failed.retry_after)
