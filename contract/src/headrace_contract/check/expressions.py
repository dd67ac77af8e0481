"""CEL of `when`: it compiles, and names only what will be there."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import celpy
from celpy.celparser import CELParseError
from celpy.evaluation import base_functions
from lark import Token, Tree

from headrace_contract.check.references import Chain, Scope, judge
from headrace_contract.problem import Problem, quoted
from headrace_contract.reasons import Reason

_MACROS = frozenset({"all", "exists", "exists_one", "map", "filter"})
_FUNCTIONS = frozenset(name for name in base_functions if name.isidentifier()) | {"has", "dyn"}

_DEAR = _MACROS | {"matches"}
"""What may take as long as the input is large, or longer."""
_NO_STEPS = Scope(frozenset(), frozenset())

_LEAST = 2  # arguments of a macro: the name that it binds, and what is evaluated
# Where the grammar puts the name of a function.
_NAME_OF_CALL = {"ident_arg": 0, "dot_ident_arg": 0, "member_dot_arg": 1}

Node = Tree[Token]


def check_expression(path: str, text: str, scope: Scope) -> list[Problem]:
    """Find everything that would make this expression fail whatever the input is."""
    try:
        chains, calls = _parsed(text)
    except (CELParseError, RecursionError) as exc:
        message = f"must be a CEL expression that compiles{_where(exc)}"
        return [Problem(path, message, Reason.INVALID_TEMPLATE)]
    wrong = [Problem(path, each, Reason.INVALID_TEMPLATE) for each in calls]
    found = (judge(path, chain, scope) for chain in chains)
    return [*wrong, *(problem for problem in found if problem)]


def check_key(path: str, text: str) -> list[Problem]:
    """Find what is wrong with an expression that every submit evaluates: it must be cheap, too."""
    found = check_expression(path, text, _NO_STEPS)
    if found:
        return found
    dear = sorted(_called(text) & _DEAR)
    if not dear:
        return []
    message = f"must not call {quoted(dear)}, since every submit pays for it"
    return [Problem(path, message, Reason.INVALID_TEMPLATE)]


def _called(text: str) -> frozenset[str]:
    calls = celpy.Environment().compile(text).find_pred(lambda node: node.data in _NAME_OF_CALL)
    return frozenset(str(call.children[_NAME_OF_CALL[str(call.data)]]) for call in calls)


@lru_cache(maxsize=2048)
def _parsed(text: str) -> tuple[tuple[Chain, ...], tuple[str, ...]]:
    tree = celpy.Environment().compile(text)
    chains, calls = _chains(tree, frozenset()), _wrong_calls(tree)
    return tuple(dict.fromkeys(chains)), tuple(dict.fromkeys(calls))


def _where(exc: BaseException) -> str:
    line, column = getattr(exc, "line", None), getattr(exc, "column", None)
    return f"; it breaks at line {line}, column {column}" if line and column else ""


def _unwrapped(node: Node) -> Node:
    """Skip the grammar's levels of precedence, which hold one child each."""
    while len(node.children) == 1 and isinstance(child := node.children[0], Tree):
        node = child
    return node


def _chains(node: Node, bound: frozenset[str]) -> Iterator[Chain]:
    """Yield every free name with what is read of it; macros bind names of their own."""
    at = _unwrapped(node)
    parts: list[str | None] = []
    while at.data in {"member_dot", "member_index"}:
        holder, key = at.children
        parts.append(_part(key))
        if isinstance(key, Tree):
            yield from _chains(key, bound)
        at = _unwrapped(_tree(holder))
    if at.data in {"ident", "dot_ident"}:
        name = str(at.children[0])
        if name not in bound:
            yield (name, *reversed(parts))
        return
    yield from _inner(at, bound)


def _inner(node: Node, bound: frozenset[str]) -> Iterator[Chain]:
    children = [child for child in node.children if isinstance(child, Tree)]
    arguments = _arguments(node)
    if _is_macro(node) and arguments:
        yield from _chains(children[0], bound)
        variable, *children = arguments
        bound |= {str(one) for one in _unwrapped(variable).children[:1]}
    for child in children:
        yield from _chains(child, bound)


def _part(key: Node | Token) -> str | None:
    if not isinstance(key, Tree):
        return str(key)
    literal = _unwrapped(key)
    if literal.data != "literal":
        return None
    token = literal.children[0]
    is_text = isinstance(token, Token) and token.type == "STRING_LIT"
    return str(token)[1:-1] if is_text else None


def _wrong_calls(tree: Node) -> Iterator[str]:
    """Yield what is wrong with a call; the grammar takes any name and any number of arguments."""
    for call in tree.find_pred(lambda node: node.data in _NAME_OF_CALL):
        name = str(call.children[_NAME_OF_CALL[str(call.data)]])
        if _is_macro(call):
            arguments = _arguments(call)
            if len(arguments) < _LEAST or _unwrapped(arguments[0]).data != "ident":
                yield f"must call '{name}' with a name and an expression, as in `.{name}(x, x > 1)`"
        elif name not in _FUNCTIONS:
            yield f"calls the unknown function '{name}'"


def _is_macro(node: Node) -> bool:
    return node.data == "member_dot_arg" and str(node.children[1]) in _MACROS


def _arguments(call: Node) -> list[Node]:
    lists = [one for one in call.children if isinstance(one, Tree) and one.data == "exprlist"]
    return [_tree(argument) for argument in lists[0].children] if lists else []


def _tree(node: Node | Token) -> Node:
    if isinstance(node, Tree):
        return node
    msg = f"the grammar has no bare '{node}' here"
    raise TypeError(msg)
