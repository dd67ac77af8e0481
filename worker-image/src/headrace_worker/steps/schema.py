"""What a model answers: JSON, perhaps with words around it, that has to fit a schema."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from headrace_contract.check.data import validate

if TYPE_CHECKING:
    from collections.abc import Mapping

FENCED: Final = re.compile(r"```(?:json)?\s*\n(.*?)```", re.DOTALL)
TOLD: Final = 5


def parse_answer(text: str) -> Any:
    """Parse JSON, also from a fenced block with words around it; raise ValueError."""
    fenced = FENCED.search(text)
    return json.loads(fenced.group(1) if fenced else text)


def faults(schema: Mapping[str, Any], value: Any) -> list[str]:
    """Say what keeps a value from satisfying its schema, by the gateway's own check."""
    return [str(problem) for problem in validate("$", schema, value)[:TOLD]]
