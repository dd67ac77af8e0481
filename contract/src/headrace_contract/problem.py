"""One thing that is wrong with what somebody wrote, and where."""

from __future__ import annotations

from dataclasses import dataclass

from headrace_contract.reasons import Reason


@dataclass(frozen=True, slots=True)
class Problem:
    """Where it is (`spec.steps[0].pool`) and what must be so; `reason` is the condition's."""

    path: str
    message: str
    reason: Reason = Reason.INVALID_SPEC

    def __str__(self) -> str:
        return f"`{self.path}` {self.message}"


def quoted(names: object) -> str:
    """Write the names that may be used, in the order given: 'a', 'b'."""
    listed = [f"'{name}'" for name in names] if isinstance(names, (list, tuple)) else [f"'{names}'"]
    return ", ".join(listed) or "none"
