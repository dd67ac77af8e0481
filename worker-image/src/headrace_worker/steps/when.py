"""`when`: CEL over the run's input and earlier outputs."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import celpy
from celpy.adapter import json_to_cel
from celpy.celparser import CELParseError
from celpy.evaluation import CELEvalError

from headrace_contract.failures import ErrorClass
from headrace_worker.errors import StepFailedError

if TYPE_CHECKING:
    from collections.abc import Mapping


def holds(expression: str, variables: Mapping[str, Any]) -> bool:
    """Evaluate; anything but a boolean is an error, as is what cannot be read."""
    try:
        found = _program(expression).evaluate(
            {name: json_to_cel(value) for name, value in variables.items()}
        )
    except (CELEvalError, CELParseError, ValueError) as exc:  # ValueError: beyond 64 bits
        message = f"`when` cannot be evaluated: {exc.args[0]}"
        raise StepFailedError(ErrorClass.INVALID_INPUT, message) from exc
    if not isinstance(found, celpy.celtypes.BoolType):
        message = "`when` must be true or false."
        raise StepFailedError(ErrorClass.INVALID_INPUT, message)
    return bool(found)


@lru_cache(maxsize=256)
def _program(expression: str) -> celpy.Runner:
    environment = celpy.Environment()
    return environment.program(environment.compile(expression))
