"""The step of B9 in a user's image, for the series in which steps run in child processes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from headrace_worker.context import Context

JOURNAL = os.open(os.environ["B9_JOURNAL"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)


def step(context: Context) -> str:
    os.write(JOURNAL, f"{context.run} {context.step}\n".encode())
    return "x" * 498
