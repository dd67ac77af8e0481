"""What the ledger counts of a pipeline, in our words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from headrace_contract.reasons import Reason
    from headrace_contract.resources.agent_pipeline import Backlog


@dataclass(frozen=True, slots=True)
class Cap:
    """A pool that may have fewer workers than its work would take."""

    pool: str
    wanted: int
    """Workers that its work would take."""
    granted: int
    reason: Reason
    by: str
    """What grants no more, for people."""


@dataclass(frozen=True, slots=True)
class Counted:
    """The tasks of a pipeline, and the pools that are held back."""

    backlog: Backlog
    caps: tuple[Cap, ...] = ()
