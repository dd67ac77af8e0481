"""
The worker of B9: the whole program of a worker's image, but for what runs a Python step.

It calls the step's function in its own process, as DBOS and Restate do, and not in a child. The
variable B9_HANG names a step that is begun and never ends.
"""

from __future__ import annotations

import asyncio
import os
import sys
import types
from typing import TYPE_CHECKING, Final

from headrace_worker import __main__ as worker

if TYPE_CHECKING:
    from headrace_worker.attempt import StepContext

TEXT: Final = "x" * 498
JOURNAL: Final = os.open(os.environ["B9_JOURNAL"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
HANG: Final = os.environ.get("B9_HANG")


async def run(context: StepContext) -> str:
    os.write(JOURNAL, f"{context.lease.run} {context.step.name}\n".encode())
    if context.step.name == HANG:
        await asyncio.Event().wait()
    return TEXT


if __name__ == "__main__":
    module = types.ModuleType("headrace_worker.steps.python")
    module.__dict__["run"] = run
    sys.modules[module.__name__] = module
    sys.exit(worker.main())
