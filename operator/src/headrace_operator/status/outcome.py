"""What a pass came to, as far as status must tell of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from headrace_operator.errors import ReconcileError


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of a pass over a pipeline that is to live."""

    failure: ReconcileError | None = None
    draining: tuple[str, ...] = ()
    """Pools that left the spec and still have unfinished tasks."""
    kubelet: str | None = None
    """Why worker pods do not start, in the kubelet's words."""


@dataclass(frozen=True, slots=True)
class Blocked:
    """What keeps a deletion waiting."""

    running: int = 0
    unfinished: int = 0
    failure: ReconcileError | None = None
