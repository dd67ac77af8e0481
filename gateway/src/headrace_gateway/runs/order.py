"""Where a run wants to stand in the queue: `?priority=High&deadline=2026-01-31T12:00:00Z`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from headrace_contract.priority import PRIORITIES, above
from headrace_gateway.errors import BadRequestError, NotAllowedByTenantError

if TYPE_CHECKING:
    from headrace_contract.compiled import CompiledPipeline
    from headrace_contract.priority import Priority


def read_priority(given: str | None) -> Priority | None:
    """Read `?priority=`; None when absent."""
    if not given:
        return None
    found = next((name for name in PRIORITIES if name == given), None)
    if found is None:
        message = f"`priority` must be one of {', '.join(PRIORITIES)}."
        raise BadRequestError(message)
    return found


def priority_of(asked: Priority | None, pipeline: CompiledPipeline) -> Priority:
    """Return what a run gets; raise NotAllowedByTenantError for more than the tenant's most."""
    if asked is None:
        return pipeline.priority
    if above(asked, pipeline.max_priority):
        message = (
            f"`priority` must be at most {pipeline.max_priority}, the `maxPriority` of tenant"
            f" '{pipeline.tenant}', and not {asked}."
        )
        raise NotAllowedByTenantError(message)
    return asked


def read_deadline(given: str | None, now: datetime) -> datetime | None:
    """Read `?deadline=`, an RFC 3339 time that is still to come; None when absent."""
    if not given:
        return None
    try:
        found = datetime.fromisoformat(given)
    except ValueError:
        found = None
    if found is None or found.utcoffset() is None:
        message = "`deadline` must be a time with its zone, such as '2026-01-31T12:00:00Z'."
        raise BadRequestError(message)
    try:
        found = found.astimezone(UTC)
    except OverflowError as exc:
        message = "`deadline` is out of range."
        raise BadRequestError(message) from exc
    if found <= now:
        message = "`deadline` has passed already."
        raise BadRequestError(message)
    return found
