"""How long a caller wants to wait, and waiting for a run to end."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from headrace_contract.resources.base import parse_duration
from headrace_gateway.errors import BadRequestError
from headrace_ledger.records import RunStatus

if TYPE_CHECKING:
    from uuid import UUID

    from headrace_gateway.world import World
    from headrace_ledger.records import RunRecord

OVER: Final = frozenset({RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.CANCELLED})
# Between two looks that notices alone are the reason for; it doubles while they come thick.
NOTICE_SECONDS: Final = 0.05
MOST_NOTICE_SECONDS: Final = 1.0
_PLAIN: Final = re.compile(r"^[0-9]{1,4}$")


def wait_seconds(given: str | None, most: float) -> float:
    """Read `?wait=30s` (or plain seconds); zero when absent."""
    if not given:
        return 0.0
    try:
        text = f"{given}s" if _PLAIN.match(given) else given
        wanted = parse_duration(text).total_seconds()
    except ValueError as exc:
        message = "`wait` must be a duration such as '30s'."
        raise BadRequestError(message) from exc
    return min(wanted, most)


async def until_over(world: World, tenant: str, run: UUID, seconds: float) -> RunRecord | None:
    """Wait for the end of a run; None when it did not come in time or the gateway stops."""
    clock = world.clock
    deadline = clock.monotonic() + seconds
    pause = NOTICE_SECONDS
    with world.wakes.end(run) as bell:
        while True:
            looked_at = clock.monotonic()
            found = await world.ledger.run(tenant, run)
            if found is not None and found.status in OVER:
                return found
            left = deadline - clock.monotonic()
            if left <= 0 or world.wakes.stopping.is_set():
                return None
            if not await bell.heard(min(left, world.options.event_poll_seconds)):
                # A notice is about any step of the run, and our own come back to us.
                early = looked_at + pause - clock.monotonic()
                pause = min(2 * pause, MOST_NOTICE_SECONDS) if early > 0 else NOTICE_SECONDS
                await bell.rung(max(0.0, early))
