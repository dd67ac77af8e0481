"""
Templates of prompts, addresses and bodies, in a sandbox where what is undefined is an error.

Nothing bounds what a template computes: `{{ 9**(9**9) }}` blocks its worker until the liveness
probe ends the pod, and `{{ 'a' * 10**10 }}` ends it by its memory limit. Either way the pods of
one pipeline suffer, its own, and the ledger gives the step up as it does any that kills workers.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from headrace_contract.failures import ErrorClass
from headrace_worker.errors import StepFailedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jinja2 import Template


def render(name: str, text: str, variables: Mapping[str, Any]) -> str:
    """Fill in one template; `name` is the field's, for the message."""
    try:
        return _compiled(text).render(variables)
    except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError) as exc:
        # What a template raises comes of its author's words or of the data, so no retry helps.
        message = f"`{name}` cannot be rendered: {exc}"
        raise StepFailedError(ErrorClass.INVALID_INPUT, message) from exc


@lru_cache(maxsize=256)
def _compiled(text: str) -> Template:
    return _environment().from_string(text)


@lru_cache(maxsize=1)
def _environment() -> ImmutableSandboxedEnvironment:
    """Return the equal of the environment in which `headrace_contract.check` reads templates."""
    return ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
