"""What an expression or template of a step may name: `input` and outputs of steps before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from headrace_contract.problem import Problem, quoted
from headrace_contract.reasons import Reason

INPUT: Final = "input"
STEPS: Final = "steps"
VARIABLES: Final = frozenset({INPUT, STEPS})

Chain = tuple[str | None, ...]
"""A name and what is read of it, `steps.a.output` in parts; None where a part is computed."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What one step may see."""

    steps: frozenset[str]
    ancestors: frozenset[str]


def scopes(depends_on: Mapping[str, list[str]]) -> dict[str, Scope]:
    """Give each step the steps that end before it starts; the graph may have circles."""
    everyone = frozenset(depends_on)
    return {name: Scope(everyone, _before(name, depends_on)) for name in depends_on}


def _before(name: str, depends_on: Mapping[str, list[str]]) -> frozenset[str]:
    seen: set[str] = set()
    due = list(depends_on[name])
    while due:
        step = due.pop()
        if step not in seen:
            seen.add(step)
            due.extend(depends_on.get(step, []))
    return frozenset(seen - {name})


def judge(path: str, chain: Chain, scope: Scope) -> Problem | None:
    """Say what is wrong with one name, if anything is."""
    root, *rest = chain
    if root == INPUT:
        return None
    if root != STEPS:
        message = f"names the unknown variable '{root}'; it must be `input` or `steps`"
        return Problem(path, message, Reason.INVALID_TEMPLATE)
    if not rest or rest[0] is None:
        message = "must name a step where it reads `steps`, as in `steps.<name>.output`"
        return Problem(path, message, Reason.INVALID_TEMPLATE)
    return _judge_step(path, rest[0], rest[1:], scope)


def _judge_step(path: str, step: str, rest: list[str | None], scope: Scope) -> Problem | None:
    if step not in scope.steps:
        message = f"names the unknown step '{step}'; it must be one of {_names(scope)}"
        return Problem(path, message, Reason.UNKNOWN_REFERENCE)
    if step not in scope.ancestors:
        message = f"reads step '{step}', which must be in `dependsOn` of this step or of one before"
        return Problem(path, message, Reason.INVALID_TEMPLATE)
    if rest and rest[0] != "output":
        message = f"reads `steps.{step}.{rest[0] or '…'}`, but a step has only `output`"
        return Problem(path, message, Reason.INVALID_TEMPLATE)
    return None


def _names(scope: Scope) -> str:
    return quoted(sorted(scope.ancestors)) if scope.ancestors else "the steps in `dependsOn`"
