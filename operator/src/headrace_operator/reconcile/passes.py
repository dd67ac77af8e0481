"""What a pass answers to the queue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import timedelta

    from headrace_operator.errors import ReconcileError


@dataclass(frozen=True, slots=True)
class Pass:
    """When to look again, if nothing calls sooner; a failure that the status tells of already."""

    after: timedelta | None = None
    failure: ReconcileError | None = None
