"""The reference pages: one per kind, and the closed lists of reasons and error classes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from crdgen import http_reasons
from crdgen.manifest import NAME_RULE
from crdgen.structural import structural
from headrace_contract.failures import ACTIONS, Action
from headrace_contract.reasons import CONDITIONS, MEANING
from headrace_contract.resources.base import API_VERSION
from headrace_contract.resources.kinds import Kind

_NOTE: Final = (
    "<!-- Written by hack/render_crds.py from the models in contract/. Do not edit. -->\n"
)
_BOUNDS: Final = (
    ("minimum", "at least {}"),
    ("maximum", "at most {}"),
    ("minLength", "{} characters or more"),
    ("maxLength", "{} characters or fewer"),
    ("minItems", "{} items or more"),
    ("maxItems", "{} items or fewer"),
    ("minProperties", "{} entries or more"),
    ("maxProperties", "{} entries or fewer"),
)
_ACTIONS: Final[dict[Action, str]] = {
    Action.PARK: "Waits without a worker until a time that somebody named; spends no attempt.",
    Action.RETRY: "Runs again after the back-off; spends an attempt, and fails when none is left.",
    Action.RESUME: "Runs again after a back-off; spends no attempt, and dies the fifth time.",
    Action.DEAD_LETTER: "Ends as a dead letter; trying again cannot help.",
}


def pages(kinds: Sequence[Kind]) -> Iterator[tuple[str, str]]:
    """Yield the path and text of every page."""
    for kind in kinds:
        yield f"docs/reference/{kind.name.lower()}.md", _kind(kind)
    yield "docs/reference/conditions.md", _conditions()
    yield "docs/reference/reasons.md", _reasons()
    yield "docs/reference/error-classes.md", _error_classes()
    yield "docs/reference/http-reasons.md", http_reasons.page()


def _kind(kind: Kind) -> str:
    scope = "in a namespace" if kind.scope == "Namespaced" else "cluster-scoped"
    lines = [
        _NOTE,
        f"# {kind.name}\n",
        f"{kind.description}\n",
        f"`{API_VERSION}`, {scope}; `kubectl get {kind.short}`.\n",
        f"{NAME_RULE['message']}.\n",
    ]
    for part, model in (("spec", kind.spec), ("status", kind.status)):
        schema = structural(model)
        lines += [f"## {part}\n", f"{schema['description']}\n", *_table(schema)]
        rules = list(_rules(schema, part))
        if rules:
            lines += ["Rules:\n", *rules, ""]
    return "\n".join(lines)


def _table(schema: dict[str, Any]) -> list[str]:
    rows = [f"| {' | '.join(row)} |" for row in _rows(schema, "")]
    return ["| field | type | default | meaning |", "|---|---|---|---|", *rows, ""]


def _rows(schema: dict[str, Any], prefix: str) -> Iterator[tuple[str, str, str, str]]:
    required = schema.get("required", [])
    for name, member in schema.get("properties", {}).items():
        path = f"{prefix}{name}"
        default = "required" if name in required else _default(member)
        bounds = _bounds(member)
        meaning = member["description"] + (f" ({bounds})" if bounds else "")
        yield f"`{path}`", _type(member), default, meaning.replace("|", "\\|")
        inner = member.get("items", member)
        suffix = "[]." if "items" in member else "."
        yield from _rows(inner, path + suffix)


def _type(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return "one of " + ", ".join(f"`{value}`" for value in schema["enum"])
    if schema["type"] == "array":
        return f"list of {_type(schema['items'])}"
    if "additionalProperties" in schema:
        return f"map of {_type(schema['additionalProperties'])}"
    return str(schema["type"])


def _default(schema: dict[str, Any]) -> str:
    if "default" not in schema or isinstance(schema["default"], dict):  # its members say theirs
        return ""
    default = schema["default"]
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def _bounds(schema: dict[str, Any]) -> str:
    told = [words.format(schema[key]) for key, words in _BOUNDS if key in schema]
    return ", ".join(told)


def _rules(schema: dict[str, Any], path: str) -> Iterator[str]:
    for rule in schema.get("x-kubernetes-validations", ()):
        yield f"- `{path}`: {rule['message']}"
    for name, member in schema.get("properties", {}).items():
        yield from _rules(member, f"{path}.{name}")
    if "items" in schema:
        yield from _rules(schema["items"], f"{path}[]")


def _conditions() -> str:
    rows = [f"| `{kind}` | {meaning} |" for kind, meaning in CONDITIONS.items()]
    intro = "Every type of condition that headrace's resources may have, and what `True` means.\n"
    return "\n".join([_NOTE, "# Conditions\n", intro, "| type | meaning |", "|---|---|", *rows, ""])


def _reasons() -> str:
    rows = [f"| `{reason}` | {meaning} |" for reason, meaning in MEANING.items()]
    intro = "Every reason that a condition of headrace's resources may carry.\n"
    return "\n".join([_NOTE, "# Reasons\n", intro, "| reason | meaning |", "|---|---|", *rows, ""])


def _error_classes() -> str:
    rows = [f"| `{name}` | {action} | {_ACTIONS[action]} |" for name, action in ACTIONS.items()]
    intro = "Why an attempt of a step did not succeed, and what that leads to.\n"
    head = ["| class | action | what happens |", "|---|---|---|"]
    return "\n".join([_NOTE, "# Error classes\n", intro, *head, *rows, ""])
