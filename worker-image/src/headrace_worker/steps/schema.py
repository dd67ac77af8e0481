"""JSON Schema of a model's answer; no remote `$ref` is ever loaded."""

from __future__ import annotations

import json
import re
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.exceptions import Unresolvable

if TYPE_CHECKING:
    from collections.abc import Mapping

NOWHERE: Final[Registry[Any]] = Registry()  # it retrieves nothing
FENCED: Final = re.compile(r"```(?:json)?\s*\n(.*?)```", re.DOTALL)
TOLD: Final = 5


def parse_answer(text: str) -> Any:
    """Parse JSON, also from a fenced block with words around it; raise ValueError."""
    fenced = FENCED.search(text)
    return json.loads(fenced.group(1) if fenced else text)


def faults(schema: Mapping[str, Any], value: Any) -> list[str]:
    """Say what keeps a value from satisfying its schema."""
    validator = Draft202012Validator(dict(schema), registry=NOWHERE)
    try:
        found = list(islice(validator.iter_errors(value), TOLD))
    except (Unresolvable, RecursionError) as exc:
        return [f"it cannot be checked: {type(exc).__name__}"]
    return [f"at {error.json_path}: {error.message[:200]}" for error in found]
