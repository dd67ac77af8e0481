"""Run other programs: quietly, with what they said at hand when they fail."""

import os
import subprocess
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from devcluster.errors import CommandError, TooLateError

Command = Sequence[str | Path]
_KEPT_LINES = 25
_INTERVAL = 0.25


def run(
    command: Command,
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: str | None = None,
    on_line: Callable[[str], None] | None = None,
) -> str:
    """Run a program and return what it printed; if it fails, its last lines are the error."""
    said: list[str] = []
    tail: deque[str] = deque(maxlen=_KEPT_LINES)
    with subprocess.Popen(
        [str(part) for part in command],
        env={**os.environ, **(env or {})},
        cwd=cwd,
        stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        if process.stdin:
            process.stdin.write(stdin or "")
            process.stdin.close()
        for line in process.stdout or ():
            said.append(line)
            tail.append(line)
            if on_line:
                on_line(line.rstrip())
    if process.returncode:
        shown = " ".join(str(part) for part in command)[:200]
        message = f"`{shown}` ended with {process.returncode}:\n{''.join(tail)}"
        raise CommandError(message)
    return "".join(said)


def output(
    command: Command, *, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> str:
    """Return a program's standard output alone, for programs that also talk on stderr."""
    done = subprocess.run(
        [str(part) for part in command],
        env={**os.environ, **(env or {})},
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        message = f"`{' '.join(str(part) for part in command)[:200]}` failed:\n{done.stderr}"
        raise CommandError(message)
    return done.stdout


def succeeds(
    command: Command, *, env: Mapping[str, str] | None = None, seconds: float | None = None
) -> bool:
    """Say whether a program is there and ends with 0, in time if a time is given."""
    try:
        done = subprocess.run(
            [str(part) for part in command],
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=seconds,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def until(what: str, seconds: float, ready: Callable[[], bool]) -> None:
    """Wait for a condition, and give up at the deadline with the condition's name."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            message = f"after {seconds:.0f} s it was still not so that {what}"
            raise TooLateError(message)
        time.sleep(_INTERVAL)
