"""How urgent runs are: three words, and their order."""

from __future__ import annotations

from typing import Final, Literal, get_args

Priority = Literal["Low", "Normal", "High"]
PRIORITIES: Final[tuple[Priority, ...]] = get_args(Priority)
"""The least urgent first."""


def above(priority: Priority, ceiling: Priority) -> bool:
    return PRIORITIES.index(priority) > PRIORITIES.index(ceiling)
