"""
Child processes for user code, one task at a time each.

A process of its own because the environment, and so the key of the running step, is per process;
because what hangs can be killed; and because the ServiceAccount token's path is not in there.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final

from headrace_contract.failures import ErrorClass
from headrace_worker.errors import StepFailedError
from headrace_worker.steps import frames

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MODULE: Final = "headrace_worker.steps.child"
OWN_PREFIX: Final = "HEADRACE_"
REAP_SECONDS: Final = 2.0


class Child:
    """One child process and the socket to it."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer

    async def send(self, message: dict[str, Any]) -> None:
        self._writer.write(frames.pack(message))
        await self._writer.drain()

    async def receive(self) -> dict[str, Any]:
        head = await self._reader.readexactly(frames.HEAD.size)
        return frames.unpack(await self._reader.readexactly(frames.length(head)))

    def fate(self) -> str:
        """Say how the process ended."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(REAP_SECONDS)
        code = self._process.returncode
        if code is None:
            return "closed its connection"
        return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"

    def kill(self) -> None:
        """End it with everything that it has started."""
        self._writer.close()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(REAP_SECONDS)


class Children:
    """As many children as there were tasks at once, kept for the next ones."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = {k: v for k, v in environ.items() if not k.startswith(OWN_PREFIX)}
        self._idle: list[Child] = []
        self._all: set[Child] = set()

    async def call(self, order: dict[str, Any], progress: Callable[[str], None]) -> Any:
        """Run one task in a child; a cancellation, a timeout's too, kills it."""
        child = self._idle.pop() if self._idle else await self._spawn()
        reusable = False
        try:
            await child.send(order)
            answer = await self._answer(child, progress)
            reusable = bool(answer.get("reusable"))
        except (asyncio.IncompleteReadError, ConnectionError) as exc:
            message = f"The process of the step {child.fate()}."
            raise StepFailedError(ErrorClass.STEP_ERROR, message) from exc
        except (TypeError, ValueError) as exc:
            message = f"The process of the step sent what cannot be read: {exc}"
            raise StepFailedError(ErrorClass.INVALID_OUTPUT, message) from exc
        finally:
            if reusable:
                self._idle.append(child)
            else:
                self._end(child)
        return _output(answer)

    def close(self) -> None:
        self._idle.clear()
        for child in tuple(self._all):
            self._end(child)

    async def _answer(self, child: Child, progress: Callable[[str], None]) -> dict[str, Any]:
        while True:
            message = await child.receive()
            if message.get("kind") != "progress":
                return message
            progress(str(message.get("text", "")))

    async def _spawn(self) -> Child:
        ours, theirs = socket.socketpair()
        with theirs:
            process = _start(self._environ, theirs.fileno())
        reader, writer = await asyncio.open_connection(sock=ours)
        child = Child(process, reader, writer)
        self._all.add(child)
        return child

    def _end(self, child: Child) -> None:
        self._all.discard(child)
        child.kill()


def _start(environ: Mapping[str, str], descriptor: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 -- our own module; the user's function is what a Python step is for
        [sys.executable, "-m", MODULE, str(descriptor)],
        env=dict(environ),
        pass_fds=[descriptor],
        stdin=subprocess.DEVNULL,
        start_new_session=True,  # so that it can be killed with everything that it starts
    )


def _output(answer: Mapping[str, Any]) -> Any:
    if answer.get("kind") == "done":
        return answer.get("output")
    retry_after = answer.get("retry_after")
    raise StepFailedError(
        ErrorClass(answer.get("class", ErrorClass.STEP_ERROR)),
        str(answer.get("message", "The step failed.")),
        retry_after=float(retry_after) if isinstance(retry_after, int | float) else None,
    )
