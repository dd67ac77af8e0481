"""What a Python step is given: the one argument of the user's function."""

from __future__ import annotations

import asyncio
import importlib
import logging
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from headrace_contract.env import OPENAI_API_KEY, OPENAI_BASE_URL

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

MAX_PROGRESS: Final = 16384


@dataclass(frozen=True, slots=True)
class Context:
    """
    One running step.

    Frameworks need none of it: `OPENAI_BASE_URL` and `OPENAI_API_KEY` are in the environment.
    """

    input: Any
    """The run's input."""
    outputs: Mapping[str, Any]
    """Outputs of the finished steps by name; a skipped step is absent."""
    run: str
    step: str
    attempt: int
    """1 for the first attempt."""
    log: logging.Logger
    _models: Sequence[str] = field(repr=False)
    _report: Callable[[str], None] = field(repr=False)

    @classmethod
    def of(cls, order: Mapping[str, Any], report: Callable[[str], None]) -> Context:
        """Read what the worker sent."""
        facts = order["facts"]
        return cls(
            input=order["input"],
            outputs=order["outputs"],
            run=facts["run"],
            step=facts["step"],
            attempt=order["attempt"],
            log=logging.getLogger("headrace.step"),
            _models=order["models"],
            _report=report,
        )

    def heartbeat(self, text: str = "") -> None:
        """Show that the step gets on; the lease is kept without it."""
        self._report(str(text)[:MAX_PROGRESS])

    def llm(  # noqa: PLR0913 -- each is a parameter of the model endpoint, and named by the caller
        self,
        prompt: str,
        *,
        system: str | None = None,
        model: str | None = None,
        max_tokens: int = 1024,
        temperature: float | None = None,
        schema: Mapping[str, Any] | None = None,
    ) -> str:
        """
        Ask a model class of the pipeline, the first one unless told, and return its answer.

        Raises StepFailedError; one that is not caught keeps its error class.
        """
        if model is None and not self._models:
            message = "The pipeline declares no model class: name a `model`."
            raise ValueError(message)
        messages = [{"role": "user", "content": prompt}]
        if system is not None:
            messages.insert(0, {"role": "system", "content": system})
        # Only steps that ask in this way pay for importing the HTTP client.
        call = importlib.import_module("headrace_worker.steps.call")
        answer: str = call.ask(
            os.environ[OPENAI_BASE_URL],
            os.environ[OPENAI_API_KEY],
            call.Ask(
                model=model or self._models[0],
                messages=tuple(messages),
                max_tokens=max_tokens,
                temperature=None if temperature is None else str(temperature),
                schema=schema,
            ),
        )
        return answer

    async def allm(self, prompt: str, **how: Any) -> str:
        """Do the same without blocking the event loop of an async function."""
        return await asyncio.to_thread(self.llm, prompt, **how)
