"""`headrace runs`: list, show, events, cancel."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated, TypeVar

import typer
from rich.console import Console

from headrace_cli.board import Board
from headrace_cli.client import GatewayClient, connect
from headrace_cli.errors import GivenError
from headrace_cli.follow import conclude, follow, tell_json
from headrace_cli.live import show_for
from headrace_cli.options import DEFAULT_GATEWAY, Format, Gateway, Namespace, Output
from headrace_cli.printing import (
    Column,
    Shape,
    age,
    plain,
    render_answer,
    render_list,
    render_value,
    say,
    table,
)
from headrace_contract.api import RunView, StepView

T = TypeVar("T")
app = typer.Typer(help="List, show, follow and cancel runs.", no_args_is_help=True)

PipelineName = Annotated[str, typer.Argument(help="Name of the pipeline.")]
RunName = Annotated[
    str, typer.Argument(metavar="PIPELINE/RUN", help="The run, as `runs list -o name`.")
]


def shape(now: datetime) -> Shape[RunView]:
    """Return how runs are listed at a time."""
    return Shape(
        name=lambda run: f"{run.pipeline}/{run.id}",
        columns=(
            Column("RUN", lambda run: run.id),
            Column("STATUS", lambda run: run.status),
            Column("PRIORITY", lambda run: run.priority),
            Column("TOKENS", lambda run: run.usage.input_tokens + run.usage.output_tokens),
            Column("COST", cost),
            Column("AGE", lambda run: age(run.created_at, now)),
            Column("TOOK", took, wide=True),
            Column("DIGEST", lambda run: run.digest[:19], wide=True),
            Column("ERROR", lambda run: run.error and run.error.error_class, wide=True),
        ),
    )


def cost(run: RunView) -> str | None:
    return (
        None if run.usage.cost is None else f"{run.usage.cost} {run.usage.currency or ''}".strip()
    )


def took(run: RunView) -> str | None:
    if run.finished_at is None:
        return None
    return f"{(run.finished_at - run.created_at).total_seconds():.1f}s"


def describe(run: RunView, now: datetime) -> str:
    """Tell one run to a person: its facts, its steps, what came out."""
    facts = {
        "Run": run.id,
        "Pipeline": f"{run.namespace}/{run.pipeline}",
        "Status": f"{run.status} ({run.reason})" if run.reason else run.status,
        "Priority": run.priority,
        "Deadline": f"{run.deadline:%Y-%m-%d %H:%M:%SZ}" if run.deadline else "<unset>",
        "Age": age(run.created_at, now) or "",
        "Took": took(run) or "<unset>",
        "Tokens": f"{run.usage.input_tokens} in, {run.usage.output_tokens} out",
        "Cost": cost(run) or "<unset>",
        "Trace": run.traceparent,
    }
    if run.error:
        facts["Error"] = f"{run.error.error_class}: {run.error.message}"
    told = [f"{name + ':':<10} {value}" for name, value in facts.items()]
    told += [
        "",
        table(("STEP", "STATE", "ATTEMPT", "LOSSES", "NOTE"), [_step(s) for s in run.steps]),
    ]
    if run.output is not None:
        told += ["", render_answer(run.output)]
    return "\n".join(told)


def _step(step: StepView) -> list[str]:
    why = f"{step.error_class}: {step.message or ''}" if step.error_class else ""
    if step.state == "parked" and step.ready_at:
        why = f"{why} resumes at {step.ready_at:%H:%M:%SZ}".strip()
    return [step.step, step.state, str(step.attempt), str(step.losses), why]


def split_name(name: str) -> tuple[str, str]:
    """Read `PIPELINE/RUN`."""
    pipeline, found, run = name.partition("/")
    if not (pipeline and found and run):
        msg = f"a run must be named as PIPELINE/RUN, not '{name}'"
        raise GivenError(msg)
    return pipeline, run


def _ask(gateway: str, question: Callable[[GatewayClient], Awaitable[T]]) -> T:
    async def work() -> T:
        async with connect(gateway) as client:
            return await question(client)

    return asyncio.run(work())


@app.command("list")
def list_runs(  # noqa: PLR0913, PLR0917 -- typer makes an option of each parameter
    pipeline: PipelineName,
    namespace: Namespace = "default",
    status: Annotated[
        str | None, typer.Option(help="Pending, Running, Succeeded, Failed or Cancelled.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Most runs to list.")] = 50,
    gateway: Gateway = DEFAULT_GATEWAY,
    output: Output = Format.TABLE,
) -> None:
    """List the youngest runs of a pipeline.

    Example: headrace runs list research -n acme-research --status Failed
    """
    found = _ask(gateway, lambda client: client.runs(namespace, pipeline, status, limit))
    say(render_list(found, shape(datetime.now(UTC)), output))


@app.command("show")
def show_run(
    name: RunName,
    namespace: Namespace = "default",
    gateway: Gateway = DEFAULT_GATEWAY,
    output: Output = Format.TABLE,
) -> None:
    """Show a run: status, steps, usage, answer.

    Example: headrace runs show research/0198c0de-... -n acme-research -o yaml
    """
    pipeline, run_id = split_name(name)
    run = _ask(gateway, lambda client: client.run(namespace, pipeline, run_id))
    now = datetime.now(UTC)
    if output in (Format.JSON, Format.YAML):
        say(render_value(plain(run), output))
    elif output is Format.TABLE:
        say(describe(run, now))
    else:
        say(render_list([run], shape(now), output))


@app.command("events")
def run_events(
    name: RunName,
    namespace: Namespace = "default",
    gateway: Gateway = DEFAULT_GATEWAY,
    output: Output = Format.TABLE,
) -> None:
    """Tell what happened and happens to a run, until it is over.

    Example: headrace runs events research/0198c0de-... -n acme-research -o json
    """
    pipeline, run_id = split_name(name)
    where = (namespace, pipeline, run_id)
    if output is Format.JSON:
        _ask(gateway, lambda client: follow(client, where, tell_json))
        return
    with show_for(Board(), Console()) as show:
        _ask(gateway, lambda client: follow(client, where, show.tell))


@app.command("wait")
def wait_for_run(
    name: RunName, namespace: Namespace = "default", gateway: Gateway = DEFAULT_GATEWAY
) -> None:
    """Wait for a run and print its answer; the exit code is its outcome.

    Example: headrace runs wait research/0198c0de-... -n acme-research
    """
    pipeline, run_id = split_name(name)
    where = (namespace, pipeline, run_id)
    run = _ask(gateway, lambda client: follow(client, where, lambda _: None))
    raise typer.Exit(conclude(run))


@app.command("cancel")
def cancel_run(
    name: RunName, namespace: Namespace = "default", gateway: Gateway = DEFAULT_GATEWAY
) -> None:
    """Cancel a run; its running steps and model calls stop.

    Example: headrace runs cancel research/0198c0de-... -n acme-research
    """
    pipeline, run_id = split_name(name)
    answer = _ask(gateway, lambda client: client.cancel(namespace, pipeline, run_id))
    done = "cancelled" if answer.accepted else f"unchanged: it is {answer.status} already"
    say(f"run/{answer.id} {done}")
