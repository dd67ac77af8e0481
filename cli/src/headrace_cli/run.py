"""`headrace run`: submit a run, and stay with it if asked to."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console

from headrace_cli.board import Board
from headrace_cli.client import GatewayClient, connect
from headrace_cli.errors import CliError, GivenError
from headrace_cli.follow import conclude, follow, tell_json, watched
from headrace_cli.inputs import read_input
from headrace_cli.live import show_for
from headrace_cli.options import DEFAULT_GATEWAY, Format, Gateway, Namespace, Output
from headrace_cli.printing import plain, render_value, say
from headrace_contract.api import RunAccepted
from headrace_contract.priority import Priority
from headrace_contract.resources.base import parse_duration


def read_deadline(given: str | None, now: datetime) -> datetime | None:
    """Read how long from now ('2h'), or a time with its zone ('2026-01-31T12:00:00Z')."""
    if given is None:
        return None
    try:
        return now + parse_duration(given)
    except (ValueError, OverflowError):
        pass
    try:
        found = datetime.fromisoformat(given)
    except ValueError:
        found = None
    if found is None or found.utcoffset() is None:
        msg = f"`--deadline` must be like '2h' or '2026-01-31T12:00:00Z', not '{given}'"
        raise GivenError(msg)
    return found


async def stay(
    client: GatewayClient, where: tuple[str, str, str], *, wait: bool, fmt: Format
) -> int:
    """Stay until the run is over; its outcome is the exit code."""
    if wait:
        return conclude(await follow(client, where, lambda _: None))
    if fmt is Format.JSON:
        run = await follow(client, where, tell_json)
        return 0 if run.status == "Succeeded" else 1
    show = show_for(Board(), Console(stderr=True))
    return conclude(await watched(client, where, show))


def render(accepted: RunAccepted, fmt: Format) -> str:
    if fmt in (Format.JSON, Format.YAML):
        return render_value(plain(accepted), fmt)
    return f"run/{accepted.id}" if fmt is Format.NAME else f"run/{accepted.id} accepted"


def command(  # noqa: PLR0913, PLR0917 -- typer makes an option of each parameter
    pipeline: Annotated[str, typer.Argument(help="Name of the pipeline.")],
    namespace: Namespace = "default",
    given: Annotated[
        str | None, typer.Option("--input", help="Input: JSON, '@file' or '-' for stdin.")
    ] = None,
    follow_it: Annotated[
        bool, typer.Option("--follow", help="Show steps and tokens, then the answer.")
    ] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the answer, silently.")] = False,
    timeout: Annotated[
        float | None, typer.Option(help="Most seconds to follow or wait; the run goes on.")
    ] = None,
    idempotency_key: Annotated[
        str | None, typer.Option(help="The same key with the same input is the same run.")
    ] = None,
    priority: Annotated[
        Priority | None, typer.Option(help="How soon, beside other runs; its pipeline's if absent.")
    ] = None,
    deadline: Annotated[
        str | None, typer.Option(help="When it fails as Timeout: '2h' from now, or a time.")
    ] = None,
    gateway: Gateway = DEFAULT_GATEWAY,
    output: Output = Format.TABLE,
) -> None:
    """Submit a run of a pipeline.

    Example: headrace run research -n acme-research --input '{"topic": "rivers"}' --follow
    """
    due = read_deadline(deadline, datetime.now(UTC))

    async def work() -> int:
        async with connect(gateway) as client:
            value = read_input(given)
            accepted = await client.submit(
                namespace, pipeline, value, idempotency_key, priority=priority, deadline=due
            )
            if not (follow_it or wait):
                say(render(accepted, output))
                return 0
            where = (namespace, pipeline, accepted.id)
            try:
                async with asyncio.timeout(timeout):
                    return await stay(client, where, wait=not follow_it, fmt=output)
            except TimeoutError as exc:
                msg = f"run/{accepted.id} is not over after {timeout:g} s, and goes on"
                raise CliError(msg) from exc

    raise typer.Exit(asyncio.run(work()))
