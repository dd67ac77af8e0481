"""From a submitted run to its end: watched, and answered with the run as it came out."""

from __future__ import annotations

import json
from collections.abc import Callable

from headrace_cli.client import GatewayClient, Happening
from headrace_cli.live import Show
from headrace_cli.printing import note, render_answer, say
from headrace_contract.api import RunView


async def follow(
    client: GatewayClient, where: tuple[str, str, str], tell: Callable[[Happening], None]
) -> RunView:
    """Tell every event of the run, and return the run when it is over."""
    async for event in client.events(*where):
        tell(event)
    return await client.run(*where)


async def watched(client: GatewayClient, where: tuple[str, str, str], show: Show) -> RunView:
    """Follow a run with its picture on the terminal."""
    with show:
        return await follow(client, where, show.tell)


def tell_json(event: Happening) -> None:
    """Print an event as one line of JSON: what `-o json` makes of a followed run."""
    whole = {"type": event.type, **event.data}
    say(json.dumps(whole, ensure_ascii=False))


def conclude(run: RunView) -> int:
    """Print the answer on stdout, or why there is none on stderr; return the exit code."""
    if run.status == "Succeeded":
        say(render_answer(run.output))
        return 0
    why = f": {run.error.error_class}: {run.error.message}" if run.error else ""
    note(f"error: run/{run.id} {run.status.lower()}{why}")
    for step in run.steps:
        if step.error_class:
            note(f"error: step {step.step}: {step.error_class}: {step.message or ''}")
    return 1
