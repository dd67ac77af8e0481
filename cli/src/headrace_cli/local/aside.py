"""
What child processes write to stderr, told line by line instead of into the middle of a picture.

User code runs in children that inherit descriptor 2, and a terminal cannot be shared with them.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

_STDERR: Final = 2
_PATIENCE: Final = 1.0  # seconds for a child that outlives its worker


def readable(line: str) -> str:
    """Turn a log line of a worker's child into words; leave everything else as it is."""
    try:
        said = json.loads(line)
    except ValueError:
        return line
    if not isinstance(said, dict) or "message" not in said:
        return line
    head = f"[{said.get('step', said.get('logger', 'log'))}]"
    level = said.get("level", "info")
    parts = [head, *([] if level == "info" else [f"{level}:"]), str(said["message"])]
    return " ".join([*parts, *filter(None, [said.get("exception")])])


@contextmanager
def aside(tell: Callable[[str], None]) -> Iterator[None]:
    """Tell each line that anybody writes to stderr while the block lasts."""
    real = os.dup(_STDERR)
    reading, writing = os.pipe()
    os.dup2(writing, _STDERR)
    os.close(writing)
    teller = threading.Thread(target=_tell_all, args=(reading, tell), daemon=True)
    teller.start()
    try:
        yield
    finally:
        os.dup2(real, _STDERR)
        os.close(real)
        teller.join(_PATIENCE)


def _tell_all(reading: int, tell: Callable[[str], None]) -> None:
    with os.fdopen(reading, errors="replace") as lines:
        for line in lines:
            tell(readable(line.rstrip("\n")))
