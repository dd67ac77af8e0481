"""`headrace cost`: what model calls cost, for people, for programs and for a FinOps tool."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Final

import typer

from headrace_cli.client import GatewayClient, connect
from headrace_cli.errors import GivenError
from headrace_cli.focus import COLUMNS as FOCUS_COLUMNS
from headrace_cli.focus import focus_rows, worker_rows
from headrace_cli.options import DEFAULT_GATEWAY, Format, Gateway
from headrace_cli.printing import NONE, note, plain, render_value, say, table
from headrace_contract.api import CostItem, CostView
from headrace_contract.days import span

COLUMNS: Final = (
    "tenant",
    "key",
    "calls",
    "inputTokens",
    "cachedInputTokens",
    "outputTokens",
    "reasoningTokens",
    "workerHours",
    "cost",
    "currency",
)
FORGOTTEN: Final = "<forgotten>"


class By(StrEnum):
    """The contract's keys, as options want them."""

    TENANT = "tenant"
    PIPELINE = "pipeline"
    STEP = "step"
    MODEL = "model"
    RUN = "run"


class CostFormat(StrEnum):
    """How costs are printed."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    FOCUS = "focus"


def render_table(found: CostView) -> str:
    """Print a line for each key and currency; a call without a price has no cost, not zero."""
    titles = ("TENANT", found.by.upper(), "CALLS", "INPUT", "CACHED", "OUTPUT", "REASONING", "COST")
    rows = [
        (
            item.tenant,
            item.key or FORGOTTEN,
            str(item.calls),
            str(item.input_tokens),
            str(item.cached_input_tokens),
            str(item.output_tokens),
            str(item.reasoning_tokens),
            NONE if item.cost is None else f"{item.cost} {item.currency or ''}".strip(),
        )
        for item in found.items
    ]
    calls = table(titles, rows)
    return f"{calls}\n\n{_workers_table(found)}" if found.workers else calls


def _workers_table(found: CostView) -> str:
    titles = ("TENANT", found.by.upper(), "WORKER HOURS", "COST")
    rows = [
        (one.tenant, one.key, f"{Decimal(one.hours):.2f}", f"{one.cost} {one.currency}")
        for one in found.workers
    ]
    return table(titles, rows)


def _csv_rows(found: CostView) -> Iterator[dict[str, object]]:
    """Yield calls, then workers: a row with hours is of workers."""
    yield from (plain(item) for item in found.items)
    for one in found.workers:
        row = plain(one)
        yield {"workerHours": row.pop("hours"), **row}


def render_csv(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> str:
    """Write CSV with a header; what is not known is empty."""
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().rstrip("\n")


async def _focus(client: GatewayClient, days: tuple[date, date], tenant: str | None) -> str:
    """Ask day by day, since a FOCUS row is of one charge period."""
    rows: list[dict[str, str]] = []
    unpriced = 0
    for number in range((days[1] - days[0]).days):
        day = days[0] + timedelta(days=number)
        found = await client.cost("model", (day, day + timedelta(days=1)), tenant)
        rows += focus_rows(day, found.items)
        workers = await client.cost("pipeline", (day, day + timedelta(days=1)), tenant)
        rows += worker_rows(day, workers.workers)
        unpriced += _unpriced(found.items)
    _tell_unpriced(unpriced)
    return render_csv(FOCUS_COLUMNS, rows)


def _unpriced(items: Iterable[CostItem]) -> int:
    return sum(item.calls for item in items if item.cost is None)


def _tell_unpriced(calls: int) -> None:
    if calls:
        note(f"warning: {calls} calls of models without a price are not in this file")


async def _ask(
    gateway: str, by: By, days: tuple[date, date], tenant: str | None, output: CostFormat
) -> str:
    async with connect(gateway) as client:
        if output is CostFormat.FOCUS:
            return await _focus(client, days, tenant)
        found = await client.cost(by.value, days, tenant)
    if output is CostFormat.JSON:
        return render_value(plain(found), Format.JSON)
    if output is CostFormat.CSV:
        return render_csv(COLUMNS, _csv_rows(found))
    return render_table(found)


def command(  # noqa: PLR0913, PLR0917 -- typer makes an option of each parameter
    by: Annotated[
        By | None, typer.Option(help="What to sum by; by tenant unless told otherwise.")
    ] = None,
    since: Annotated[str, typer.Option(help="First UTC day: 2026-11-01, or 7d ago.")] = "7d",
    until: Annotated[
        str | None, typer.Option(help="First UTC day that is not counted; tomorrow if absent.")
    ] = None,
    tenant: Annotated[
        str | None, typer.Option(help="One tenant; the platform's account sees all without.")
    ] = None,
    gateway: Gateway = DEFAULT_GATEWAY,
    output: Annotated[
        CostFormat, typer.Option("--output", "-o", help="`focus` is FOCUS 1.2 CSV, by model.")
    ] = CostFormat.TABLE,
) -> None:
    """Say what model calls cost.

    Example: headrace cost --by pipeline --since 7d
    """
    if output is CostFormat.FOCUS and by not in (None, By.MODEL):
        msg = f"`-o focus` names a provider in each row: it goes with `--by model`, not `{by}`"
        raise GivenError(msg)
    try:
        days = span(since, until, datetime.now(UTC).date())
    except ValueError as exc:
        raise GivenError(str(exc)) from exc
    say(asyncio.run(_ask(gateway, by or By.TENANT, days, tenant, output)))
