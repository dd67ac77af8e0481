"""The keys of an input, as `limits.perKey` names them: CEL that `check_key` has let pass."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final

import celpy
from celpy import celtypes
from celpy.adapter import json_to_cel
from celpy.celparser import CELParseError
from celpy.evaluation import CELEvalError

from headrace_contract.compiled import CompiledKey
from headrace_contract.problem import Problem

MOST_BYTES: Final = 256
_PLAIN: Final = (celtypes.StringType, celtypes.IntType, celtypes.UintType)


def read_keys(keys: Iterable[CompiledKey], value: Any) -> tuple[dict[str, str], list[Problem]]:
    """Return the key of an input by the name of each limit that concerns it, and what is wrong."""
    try:
        given = {"input": json_to_cel(value)}
    except ValueError:  # CEL's whole numbers have 64 bits
        what = "must have no whole number beyond 64 bits, since `limits.perKey` is read from it"
        return {}, [Problem("input", what)]
    found: dict[str, str] = {}
    problems: list[Problem] = []
    for one in keys:
        key = _key(one, given)
        if isinstance(key, Problem):
            problems.append(key)
        elif key is not None:
            found[one.name] = key
    return found, problems


def _key(one: CompiledKey, given: dict[str, Any]) -> str | Problem | None:
    path = f"limits.perKey '{one.name}'"
    try:
        found = _program(one.key).evaluate(given)
    except (CELEvalError, CELParseError):
        return Problem(path, "cannot be read from this input")
    if found is None:
        return None
    if isinstance(found, celtypes.BoolType):
        return "true" if found else "false"
    text = str(found) if isinstance(found, _PLAIN) else ""
    if "\0" in text or not 1 <= len(text.encode()) <= MOST_BYTES:
        what = f"must be a text of 1 to {MOST_BYTES} bytes, a whole number, a boolean or null"
        return Problem(path, what)
    return text


@lru_cache(maxsize=256)
def _program(expression: str) -> celpy.Runner:
    environment = celpy.Environment()
    return environment.program(environment.compile(expression))
