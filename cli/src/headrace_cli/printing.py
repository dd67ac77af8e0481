"""How values are printed: table, JSON, YAML, names. Data goes to stdout, and only data."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Generic, TypeVar

import typer
import yaml
from pydantic import BaseModel

from headrace_cli.options import Format

T = TypeVar("T", bound=BaseModel)
NONE: Final = "<none>"
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


@dataclass(frozen=True, slots=True)
class Column(Generic[T]):
    """One column; a wide one is there for `-o wide` only."""

    title: str
    cell: Callable[[T], object]
    wide: bool = False


@dataclass(frozen=True, slots=True)
class Shape(Generic[T]):
    """How one kind of thing is listed."""

    name: Callable[[T], str]
    columns: tuple[Column[T], ...]


def render_list(items: Sequence[T], shape: Shape[T], fmt: Format) -> str:
    """Print many things; JSON and YAML have them under `items`, as kubectl does."""
    if fmt in (Format.JSON, Format.YAML):
        return render_value({"items": [plain(item) for item in items]}, fmt)
    if fmt is Format.NAME:
        return "\n".join(shape.name(item) for item in items)
    columns = [column for column in shape.columns if fmt is Format.WIDE or not column.wide]
    rows = [[_cell(column.cell(item)) for column in columns] for item in items]
    return table([column.title for column in columns], rows)


def render_value(value: Any, fmt: Format) -> str:
    """Print any JSON value as JSON or YAML."""
    if fmt is Format.YAML:
        return yaml.safe_dump(value, sort_keys=False, allow_unicode=True).rstrip()
    return json.dumps(value, indent=2, ensure_ascii=False)


def render_answer(output: Any) -> str:
    """Print a run's output: text as it is, everything else as JSON."""
    return output if isinstance(output, str) else render_value(output, Format.JSON)


def plain(item: BaseModel) -> dict[str, Any]:
    """Turn a message into what its JSON says."""
    return item.model_dump(mode="json", by_alias=True, exclude_none=True)


def table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Align columns with three spaces between them; say so when there is nothing."""
    if not rows:
        return "No resources found."
    widths = [max(len(cell) for cell in column) for column in zip(titles, *rows, strict=True)]
    lines = (
        "   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (titles, *rows)
    )
    return "\n".join(lines)


def _cell(value: object) -> str:
    return NONE if value in (None, "") else str(value)


def age(since: datetime | None, now: datetime) -> str | None:
    """Say how long ago, as kubectl does: `41s`, `5m`, `3h`, `2d`."""
    if since is None:
        return None
    seconds = max(0, int((now - since).total_seconds()))
    for unit, size in (("d", _DAY), ("h", _HOUR), ("m", _MINUTE)):
        if seconds >= 2 * size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def say(text: str) -> None:
    """Write data."""
    typer.echo(text)


def note(text: str) -> None:
    """Write what is not data: progress, errors."""
    typer.echo(text, err=True)
