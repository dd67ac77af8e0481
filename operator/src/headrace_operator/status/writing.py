"""Whether a status is worth a write now, later or never."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

COUNTS: Final = frozenset(
    {"backlog", "workers", "pipelines", "limits", "budgets", "nearest", "costs", "cooldownUntil"}
)
NEVER: Final = None


def due(
    old: Mapping[str, Any], new: Mapping[str, Any], since: timedelta, between: timedelta
) -> timedelta | None:
    """
    Say how long to wait with writing: None if nothing is new, zero if it is due.

    Counts change at most once per `between`; everything else is told at once.
    """
    old = {name: old.get(name) for name in new}  # the schema's defaults are not ours to compare
    if old == new:
        return NEVER
    if _without_counts(old) == _without_counts(new) and since < between:
        return between - since
    return timedelta(0)


def _without_counts(status: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in status.items() if name not in COUNTS}
