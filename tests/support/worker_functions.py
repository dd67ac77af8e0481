"""User code for the tests of Python steps: imported by the worker's child processes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import threading
import urllib.request
from typing import Any

from headrace_contract.failures import ErrorClass
from headrace_worker.context import Context
from headrace_worker.errors import StepFailedError


def echo(context: Context) -> Any:
    return {"input": context.input, "outputs": context.outputs, "step": context.step}


async def echo_async(context: Context) -> Any:
    await asyncio.sleep(0)
    return context.input


def environment(context: Context) -> Any:
    os.environ["LEFT_BEHIND"] = "yes"
    return {"pid": os.getpid(), "environ": dict(os.environ)}


def left_behind(context: Context) -> Any:
    return {"pid": os.getpid(), "left": os.environ.get("LEFT_BEHIND")}


def raises(context: Context) -> Any:
    message = f"no such river, says {os.environ['OPENAI_API_KEY']}"
    raise LookupError(message)


def leaves(context: Context) -> Any:
    sys.exit(3)


def dies(context: Context) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


def hangs(context: Context) -> Any:
    context.heartbeat(f"pid {os.getpid()}")
    threading.Event().wait()


def no_json(context: Context) -> Any:
    return {"a", "set"}


def far_too_large(context: Context) -> Any:
    return "x" * (12 * 1024 * 1024)


def leaves_a_thread(context: Context) -> Any:
    threading.Thread(target=threading.Event().wait, daemon=True).start()
    return os.getpid()


def reports(context: Context) -> Any:
    context.heartbeat("half way")
    context.log.info("Told.", extra={"count": 1})
    return "done"


def refuses(context: Context) -> Any:
    raise StepFailedError(ErrorClass.INVALID_INPUT, "rivers only")


def asks(context: Context) -> Any:
    return context.llm(f"About {context.input}.", system="Be brief.")


async def asks_async(context: Context) -> Any:
    return await asyncio.gather(context.allm("one"), context.allm("two"))


def asks_as_the_openai_package_does(context: Context) -> Any:
    request = urllib.request.Request(
        f"{os.environ['OPENAI_BASE_URL']}/chat/completions",
        data=json.dumps({"model": "small", "messages": []}).encode(),
        headers={
            "Authorization": f"Bearer {os.environ['OPENAI_API_KEY']}",
            "Content-Type": "application/json",
        },
    )
    with urllib.request.urlopen(request) as response:
        return json.load(response)
