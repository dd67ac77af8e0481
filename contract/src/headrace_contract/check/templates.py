"""
Templates of prompts, addresses and bodies: they parse, and name only what will be there.

They are read and never evaluated, not even where they are constant: `{{ 9**(9**9) }}` is one more
template here. What it costs to render is the cost of the worker of its own pipeline.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError, nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.idtracking import VAR_LOAD_RESOLVE
from jinja2.sandbox import ImmutableSandboxedEnvironment

from headrace_contract.check.references import VARIABLES, Chain, Scope, judge
from headrace_contract.problem import Problem
from headrace_contract.reasons import Reason

# They would read other templates, and there are none.
_FOREIGN = (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)


class _Reader(CodeGenerator):
    """Jinja's compiler, which refuses what only it sees, without the constants that it folds."""

    def __init__(self, env: ImmutableSandboxedEnvironment) -> None:
        super().__init__(env, None, None, optimized=False)
        self.undeclared: set[str] = set()

    def enter_frame(self, frame: Frame) -> None:
        super().enter_frame(frame)
        loads = frame.symbols.loads.values()
        self.undeclared.update(str(name) for action, name in loads if action == VAR_LOAD_RESOLVE)

    def _output_child_to_const(self, node: nodes.Expr, frame: Frame, finalize: Any) -> str:
        if not isinstance(node, nodes.TemplateData):
            raise nodes.Impossible
        return super()._output_child_to_const(node, frame, finalize)


@lru_cache(maxsize=1)
def environment() -> ImmutableSandboxedEnvironment:
    """Return the environment in which templates are checked; the worker renders in its equal."""
    return ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)


def check_template(path: str, text: str, scope: Scope) -> list[Problem]:
    """Find everything that would make this template fail whatever the input is."""
    try:
        tree, chains = _parsed(text)
    except (TemplateError, RecursionError, ValueError) as exc:  # a number of 5000 digits, say
        line = getattr(exc, "lineno", None)
        where = f" in line {line}" if line else ""
        message = f"must be a template that parses: {_first_line(exc)}{where}"
        return [Problem(path, message, Reason.INVALID_TEMPLATE)]
    if any(tree.find_all(_FOREIGN)):
        message = "must not include, import or extend another template"
        return [Problem(path, message, Reason.INVALID_TEMPLATE)]
    if tree.find(nodes.EvalContextModifier):
        message = "must not have `autoescape`: what it makes is text, not HTML"
        return [Problem(path, message, Reason.INVALID_TEMPLATE)]
    found = (judge(path, chain, scope) for chain in chains)
    return [problem for problem in found if problem]


@lru_cache(maxsize=2048)
def _parsed(text: str) -> tuple[nodes.Template, tuple[Chain, ...]]:
    env = environment()
    tree = env.parse(text)
    reader = _Reader(env)
    # The compiler also evaluates the option of `autoescape`; that is refused in any case.
    if tree.find(nodes.EvalContextModifier) is None:
        reader.visit(tree)
    _known(tree, env)
    unknown = reader.undeclared - set(env.globals) - VARIABLES
    chains = dict.fromkeys([*((name,) for name in sorted(unknown)), *_chains(tree)])
    return tree, tuple(chains)


def _known(tree: nodes.Template, env: ImmutableSandboxedEnvironment) -> None:
    """Refuse unknown filters and tests; inside a condition the compiler leaves them to run time."""
    for one in tree.find_all((nodes.Filter, nodes.Test)):
        kind, known = (
            ("filter", env.filters) if isinstance(one, nodes.Filter) else ("test", env.tests)
        )
        if one.name not in known:
            msg = f"No {kind} named {one.name!r}"
            raise TemplateSyntaxError(msg, one.lineno)


def _chains(node: nodes.Node) -> Iterator[Chain]:
    """Yield what is read of `input` and `steps`, as long as it goes on by constant names."""
    parts: list[str | None] = []
    at: nodes.Node = node
    while isinstance(at, (nodes.Getattr, nodes.Getitem)):
        parts.append(_part(at))
        if isinstance(at, nodes.Getitem):
            yield from _chains(at.arg)
        at = at.node
    if isinstance(at, nodes.Name):
        if at.ctx == "load" and at.name in VARIABLES:
            yield (at.name, *reversed(parts))
        return
    for child in at.iter_child_nodes():
        yield from _chains(child)


def _part(node: nodes.Getattr | nodes.Getitem) -> str | None:
    if isinstance(node, nodes.Getattr):
        return node.attr
    constant = node.arg
    return str(constant.value) if isinstance(constant, nodes.Const) else None


def _first_line(exc: BaseException) -> str:
    return (str(exc).splitlines() or ["it is nested too deeply"])[0].rstrip(".")
