"""What ran out: leases, timeouts, parks, runs past their duration, results past their ttl."""

from __future__ import annotations

from headrace_ledger.call import Verbs
from headrace_ledger.declared import Swept


class Sweep(Verbs):
    """Tried by every gateway every second; nobody leads between turns."""

    async def sweep(self, *, after_gap: bool = False) -> Swept:
        """Make one bounded turn; with `after_gap` no lease expires for one lease length."""
        row = await self._caller.row("sweep", after_gap)
        if row is None:
            return Swept(ran=False)
        ran, expired, timed_out, unparked, deleted, more, pools = row
        return Swept(ran, expired, timed_out, unparked, deleted, more, tuple(pools or ()))
