"""Processes under measure: started beside a log, waited for, weighed; all of them our own."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

TICKS: Final = os.sysconf("SC_CLK_TCK")
PATIENCE: Final = 60.0


class EndedError(Exception):
    """A process ended, or did nothing, while something was expected of it; with the log's end."""


class Process:
    """One process that this bench started."""

    def __init__(self, running: subprocess.Popen[bytes], log: Path) -> None:
        self._running = running
        self._log = log
        self.pid = running.pid

    @property
    def cpu(self) -> float:
        """Seconds on a CPU so far, with all that it has started."""
        return cpu_seconds(self.pid)

    @property
    def rss(self) -> int:
        return rss_bytes(self.pid)

    def until(self, condition: Callable[[], object], patience: float = PATIENCE) -> None:
        """Wait for a condition for as long as this process lives; raise EndedError."""
        end = time.monotonic() + patience
        while not condition():
            if self._running.poll() is not None or time.monotonic() > end:
                raise EndedError(self.said())
            pause(0.005)

    def said(self) -> str:
        return self._log.read_text(errors="replace")[-3000:]

    def ask_to_stop(self) -> None:
        self._running.send_signal(signal.SIGTERM)

    def ended(self, patience: float = PATIENCE) -> int:
        """Wait for its end by itself; return its code."""
        return self._running.wait(patience)

    def stop(self, patience: float = 10.0) -> None:
        """End it, by force if it does not leave politely."""
        if self._running.poll() is None:
            self.ask_to_stop()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._running.wait(patience)
        if self._running.poll() is None:
            for child in [*descendants(self.pid), self.pid]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
        self._running.wait()


@contextlib.contextmanager
def started(
    words: Sequence[str | Path], env: Mapping[str, str], log: Path, cwd: Path | None = None
) -> Iterator[Process]:
    """Run a program until the block ends; it gets this environment, PATH, HOME and no more."""
    given = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **env}
    with log.open("ab") as out:
        process = Process(
            subprocess.Popen(
                [str(word) for word in words],
                env=given,
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            ),
            log,
        )
        try:
            yield process
        finally:
            process.stop()


def pause(seconds: float) -> None:
    threading.Event().wait(seconds)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def listens(port: int) -> bool:
    """Say whether somebody takes connections on a port of this machine."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def cpu_seconds(pid: int) -> float:
    """Add up user and system time of a process, its descendants, and those that have ended."""
    return sum(_ticks(each) for each in [pid, *descendants(pid)]) / TICKS


def descendants(pid: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parent = int(_fields(int(folder.name))[1])
            children.setdefault(parent, []).append(int(folder.name))
    found, todo = [], [pid]
    while todo:
        below = children.get(todo.pop(), [])
        found += below
        todo += below
    return found


def rss_bytes(pid: int) -> int:
    text = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in text.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) * 1024


def _ticks(pid: int) -> int:
    try:
        fields = _fields(pid)
    except OSError:  # it ended meanwhile: its parent has its time
        return 0
    return sum(int(field) for field in fields[11:15])


def _fields(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
