"""Processes that are killed with -9 and started again: programs, and all of PostgreSQL's."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from headrace_ledger import embedded
from headrace_ledger.embedded import EmbeddedLedger

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

PATIENCE = 60.0


class EndedError(Exception):
    """A process ended by itself, or did nothing, while something was expected of it."""

    def __init__(self, program: Program) -> None:
        super().__init__(f"{program.name}: {program.said()}")


@dataclass
class Program:
    """A command that may run several times in a row, one process at a time."""

    name: str
    words: Sequence[str | Path]
    env: Mapping[str, str]
    log: Path
    pids: list[int] = field(default_factory=list)
    _running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        given = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **self.env}
        with self.log.open("ab") as out:
            self._running = subprocess.Popen(
                [str(word) for word in self.words],
                env=given,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )
        self.pids.append(self._running.pid)

    def until(self, condition: Callable[[], object], patience: float = PATIENCE) -> None:
        """Wait for a condition for as long as the process lives."""
        end = time.monotonic() + patience
        while not condition():
            if not self.lives() or time.monotonic() > end:
                raise EndedError(self)
            pause(0.02)

    def lives(self) -> bool:
        return self._running is not None and self._running.poll() is None

    def said(self) -> str:
        return self.log.read_text(errors="replace")[-3000:]

    def kill(self) -> int:
        """End it with -9; return the id that it had, which is nobody's by then."""
        assert self._running is not None
        assert self.lives(), f"{self.name} ended by itself: {self.said()}"
        return self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it politely, or by force if it does not leave."""
        if self._running is not None and self.lives():
            self._running.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._running.wait(10)
        if self.lives():
            self._end(signal.SIGKILL)

    def _end(self, number: int) -> int:
        assert self._running is not None
        self._running.send_signal(number)
        self._running.wait(PATIENCE)
        return self._running.pid


class KillableLedger(EmbeddedLedger):
    """The ledger's PostgreSQL without its guard, which would keep the pid of a killed server busy.

    The kernel ends the server when this process goes, and `kill` may come at any time.
    """

    def __init__(self) -> None:
        super().__init__()
        self.postmasters: list[int] = []
        self._server: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._prepare()
        self._launch()
        embedded._run(self._set_up())

    def stop(self) -> None:
        if self._server is not None and self._server.poll() is None:
            self._server.send_signal(signal.SIGINT)
            self._server.wait(PATIENCE)
        super().stop()

    def kill(self) -> list[int]:
        """End every process of the server with -9; return their ids."""
        assert self._server is not None
        assert self._server.poll() is None, self.said()
        # Stopped, it starts no more of them; and they are gone before they could see it go.
        self._server.send_signal(signal.SIGSTOP)
        ours = [*children(self._server.pid), self._server.pid]
        for pid in ours:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._server.wait(PATIENCE)
        until_gone(ours)
        return ours

    def restart(self) -> None:
        """Start on the same data directory, and wait until connections are taken."""
        self._launch()
        embedded._run(self._connected())

    def said(self) -> str:
        return (self._root / "postgres.log").read_text(errors="replace")

    async def _connected(self) -> None:
        connection = await self._first_connection()
        await connection.close()

    def _launch(self) -> None:
        binary = embedded._binaries() / "postgres"
        words = [str(binary), "-D", str(self._data), "-k", str(self._sockets), "-h", ""]
        for name, value in embedded._SETTINGS.items():
            words += ["-c", f"{name}={value}"]
        words += ["-c", "log_min_messages=log"]
        dies_with_us = ["setpriv", "--pdeathsig", "INT", "--"]
        with (self._root / "postgres.log").open("ab") as log:
            self._server = subprocess.Popen(
                self._as_user([*dies_with_us, *words]),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.postmasters.append(self._server.pid)


def children(pid: int) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if int(_fields(folder)[1]) == pid:
                found.append(int(folder.name))
    return found


def until_gone(pids: Sequence[int]) -> None:
    """Wait until none of these runs any more; one that nobody has buried yet does not run."""
    end = time.monotonic() + PATIENCE
    while any(_runs(pid) for pid in pids):
        assert time.monotonic() < end, f"still there after -9: {pids}"
        pause(0.01)


def _runs(pid: int) -> bool:
    try:
        return _fields(Path(f"/proc/{pid}"))[0] != "Z"
    except OSError:
        return False


def _fields(folder: Path) -> list[str]:
    return (folder / "stat").read_text().rsplit(")", 1)[1].split()


def pause(seconds: float) -> None:
    threading.Event().wait(seconds)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
