"""Rows as clients see them; documents of the ledger are put in as they are, unparsed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic_core import to_json

from headrace_contract.api import (
    RunAccepted,
    RunError,
    RunLinks,
    RunUsage,
    RunView,
    StepView,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from headrace_ledger.records import RunRecord


def links(namespace: str, pipeline: str, run: UUID | str) -> RunLinks:
    base = f"/v1/namespaces/{namespace}/pipelines/{pipeline}/runs/{run}"
    return RunLinks(self_=base, events=f"{base}/events", cancel=f"{base}/cancel")


def accepted(namespace: str, pipeline: str, run: UUID, status: str) -> RunAccepted:
    return RunAccepted(id=str(run), status=status, links=links(namespace, pipeline, run))


def view(run: RunRecord) -> RunView:
    """Say all of a run but its documents."""
    error = None
    if run.error_class:
        error = RunError(error_class=run.error_class, message=run.message or "")
    return RunView(
        id=str(run.id),
        namespace=run.namespace,
        pipeline=run.pipeline,
        status=run.status,
        reason=run.waits,
        priority=run.priority,
        deadline=run.deadline,
        digest=run.digest,
        created_at=run.created_at,
        started_at=run.started_at,
        finished_at=run.finished_at,
        traceparent=run.traceparent,
        usage=RunUsage(
            input_tokens=run.input_tokens,
            output_tokens=run.output_tokens,
            cost=None if run.cost is None else f"{run.cost:f}",
            currency=run.currency,
        ),
        error=error,
        steps=[
            StepView(
                step=step.step,
                state=step.state,
                attempt=step.attempt,
                losses=step.losses,
                ready_at=step.ready_at,
                error_class=step.error_class,
                message=step.message,
            )
            for step in run.steps
        ],
        links=links(run.namespace, run.pipeline, run.id),
    )


def run_json(run: RunRecord) -> bytes:
    """Write a run with its documents."""
    head = view(run).model_dump_json(exclude_none=True, exclude={"input", "output"}).encode()
    parts = [head[:-1]]
    if run.input is not None:
        parts += [b',"input":', run.input.encode()]
    if run.output is not None:
        parts += [b',"output":', run.output.encode()]
    return b"".join((*parts, b"}"))


def list_json(runs: Sequence[RunRecord], cursor: str | None) -> bytes:
    """Write a page of runs, without documents and steps."""
    without = {"input", "output", "steps"}
    items = b",".join(
        view(run).model_dump_json(exclude_none=True, exclude=without).encode() for run in runs
    )
    tail = b"" if cursor is None else b',"nextCursor":' + to_json(cursor)
    return b'{"items":[' + items + b"]" + tail + b"}"
