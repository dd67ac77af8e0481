"""`LLM`: a prompt over what is known so far, an answer that may have to fit a schema."""

from __future__ import annotations

import contextlib
import importlib
import logging
from typing import TYPE_CHECKING, Any

from headrace_contract.failures import ErrorClass
from headrace_worker.errors import StepFailedError
from headrace_worker.steps.chat import Answer, Ask
from headrace_worker.steps.template import render

if TYPE_CHECKING:
    from headrace_contract.compiled import CompiledLLM
    from headrace_worker.attempt import StepContext
    from headrace_worker.steps.chat import Message

log = logging.getLogger(__name__)


async def run(context: StepContext) -> Any:
    """Ask; with a schema the output is the parsed answer, and one wrong answer may be mended."""
    step = context.step.llm
    if step is None:
        message = f"The step '{context.step.name}' has no `llm`."
        raise StepFailedError(ErrorClass.INVALID_INPUT, message)
    asked = _messages(step, context)
    text = await _ask(step, asked, context)
    if step.answer_schema is None:
        return text
    output, faults = _read(step.answer_schema, text)
    if not faults:
        return output
    text = await _ask(step, (*asked, *_repair(text, faults)), context)
    output, faults = _read(step.answer_schema, text)
    if not faults:
        return output
    message = f"The answer does not fit its schema, nor did its repair: {'; '.join(faults)}"
    raise StepFailedError(ErrorClass.INVALID_OUTPUT, message)


def _messages(step: CompiledLLM, context: StepContext) -> tuple[Message, ...]:
    variables = context.variables
    user = {"role": "user", "content": render("llm.prompt", step.prompt, variables)}
    if step.system is None:
        return (user,)
    system = {"role": "system", "content": render("llm.system", step.system, variables)}
    return (system, user)


async def _ask(step: CompiledLLM, messages: tuple[Message, ...], context: StepContext) -> str:
    ask = Ask(
        model=step.model_class,
        messages=messages,
        max_tokens=step.max_tokens,
        temperature=step.temperature,
        schema=step.answer_schema,
    )
    answer = Answer()
    chunks = context.world.models.chat(
        context.key, ask.body(), traceparent=context.lease.traceparent
    )
    async with contextlib.aclosing(chunks):
        async for chunk in chunks:
            answer.take(chunk)
    text = answer.checked()
    told = {"usage": dict(answer.usage), **answer.cost}
    log.info("Model answered.", extra={**context.facts, **told})
    return text


def _read(schema: dict[str, Any], text: str) -> tuple[Any, list[str]]:
    # jsonschema is heavy to import: only steps with a schema pay for it.
    checks = importlib.import_module("headrace_worker.steps.schema")
    try:
        value = checks.parse_answer(text)
    except ValueError as exc:
        return None, [f"it is no JSON: {exc}"]
    return value, checks.faults(schema, value)


def _repair(text: str, faults: list[str]) -> tuple[Message, Message]:
    wrong = "\n".join(f"- {fault}" for fault in faults)
    return (
        {"role": "assistant", "content": text},
        {
            "role": "user",
            "content": f"This answer does not fit the JSON Schema:\n{wrong}\n"
            "Answer again with nothing but the corrected JSON.",
        },
    )
