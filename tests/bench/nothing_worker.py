"""
The worker image's own program; only the runner of HTTP steps is another one, which does nothing.

So everything of a worker is measured (claims, slots, heartbeats, its log lines, completes, chains)
but the work itself.
"""

from __future__ import annotations

import sys
import types
from typing import TYPE_CHECKING

from headrace_worker.__main__ import main
from tally import Tally

if TYPE_CHECKING:
    from headrace_worker.attempt import StepContext

TALLY = Tally.from_env()


async def run(context: StepContext) -> None:
    TALLY.entered(context.lease.input["number"], context.lease.input["sent"])


nothing = types.ModuleType("headrace_worker.steps.http")
nothing.run = run  # type: ignore[attr-defined]
sys.modules[nothing.__name__] = nothing

if __name__ == "__main__":
    sys.exit(main())
