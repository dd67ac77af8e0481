"""
The child process of a worker: runs one task of user code after another.

Run as `python -m headrace_worker.steps.child <descriptor of its socket>`. It imports little, as
every Python step waits for the first one.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import json
import os
import queue
import signal
import socket
import sys
import threading
from typing import Any, Final

from headrace_contract.failures import ErrorClass
from headrace_worker.context import Context
from headrace_worker.errors import StepFailedError
from headrace_worker.logs import Facts, set_up
from headrace_worker.steps import frames

OWN_THREADS: Final = 2  # the main thread and the one that reads
MAX_OUTPUT: Final = 1024 * 1024


class Channel:
    """The socket to the parent; user threads may report progress at the same time."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self.orders: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()

    def send(self, message: dict[str, Any]) -> None:
        packed = frames.pack(message)
        with self._lock:
            self._connection.sendall(packed)

    def read_for_ever(self) -> None:
        """Queue what the parent orders; end everything when the parent is gone."""
        try:
            while True:
                size = frames.length(self._exactly(frames.HEAD.size))
                self.orders.put(frames.unpack(self._exactly(size)))
        except (OSError, EOFError, ValueError):
            os.killpg(0, signal.SIGKILL)  # a task without a parent must not go on

    def _exactly(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            piece = self._connection.recv(size - len(data))
            if not piece:
                raise EOFError
            data += piece
        return bytes(data)


def run(order: dict[str, Any], channel: Channel) -> dict[str, Any]:
    """Call the user's function; whatever comes of it becomes one message."""
    try:
        output = _call(order, channel)
        return {"kind": "done", "output": _checked(output)}
    except StepFailedError as exc:
        return _failed(exc.error_class, str(exc), exc.retry_after)
    except (Exception, SystemExit) as exc:  # noqa: BLE001 -- user code may raise anything
        return _failed(ErrorClass.STEP_ERROR, f"{type(exc).__name__}: {exc}", None)


def _call(order: dict[str, Any], channel: Channel) -> Any:
    module, _, name = order["function"].partition(":")
    function = getattr(importlib.import_module(module), name)
    context = Context.of(order, lambda text: channel.send({"kind": "progress", "text": text}))
    result = function(context)
    return asyncio.run(_awaited(result)) if inspect.isawaitable(result) else result


async def _awaited(result: Any) -> Any:
    return await result


def _checked(output: Any) -> Any:
    try:
        size = len(json.dumps(output, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as exc:
        message = f"The function returned what is no JSON: {exc}"
        raise StepFailedError(ErrorClass.INVALID_OUTPUT, message) from exc
    if size > frames.MAX_FRAME // 2:  # the parent judges the exact limit
        message = f"The function returned {size} bytes of JSON."
        raise StepFailedError(ErrorClass.INVALID_OUTPUT, message)
    return output


def _failed(error_class: ErrorClass, message: str, retry_after: float | None) -> dict[str, Any]:
    return {
        "kind": "failed",
        "class": error_class.value,
        "message": message.encode("utf-8", "replace").decode()[:4096],
        "retry_after": retry_after,
    }


def main() -> None:
    facts = Facts()
    set_up(sys.stderr, facts)
    sys.path.insert(0, os.getcwd())  # noqa: PTH109 -- as `python -m` does, should it be told not to
    channel = Channel(socket.socket(fileno=int(sys.argv[1])))
    base = dict(os.environ)
    threading.Thread(target=channel.read_for_ever, daemon=True).start()
    while True:
        order = channel.orders.get()
        # The environment is made anew for each task: what the last one had put there is gone.
        os.environ.clear()
        os.environ.update({**base, **order["environ"]})
        facts.now = order["facts"]
        message = run(order, channel)
        # A thread that outlives its task may use the key of the next one: such a child is ended.
        message["reusable"] = threading.active_count() <= OWN_THREADS
        channel.send(message)


if __name__ == "__main__":
    main()
