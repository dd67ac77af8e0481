"""`Python`: a function of the user's image, called in a child process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headrace_contract.env import OPENAI_API_KEY, OPENAI_BASE_URL
from headrace_contract.failures import ErrorClass
from headrace_worker.errors import StepFailedError

if TYPE_CHECKING:
    from headrace_worker.attempt import StepContext


async def run(context: StepContext) -> Any:
    """Hand the step to a child, with the key of this step and no other credential."""
    step = context.step.python
    if step is None:
        message = f"The step '{context.step.name}' has no `python`."
        raise StepFailedError(ErrorClass.INVALID_INPUT, message)
    order = {
        "function": step.function,
        "input": context.lease.input,
        "outputs": context.lease.outputs,
        "attempt": context.lease.attempt,
        "models": [model.model_class for model in context.pipeline.models],
        "facts": context.facts,
        "environ": {
            OPENAI_BASE_URL: context.world.base_url,
            OPENAI_API_KEY: context.key.get_secret_value(),
            "TRACEPARENT": context.lease.traceparent,
        },
    }
    return await context.children.call(order, context.progress.tell)
