"""A run shown while it goes on: a table that moves on a terminal, plain lines anywhere else."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Final, Literal, Protocol, Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from headrace_cli.board import Board, StepLine
from headrace_cli.client import Happening

_STYLES: Final = {
    "done": "green",
    "running": "cyan",
    "failed": "red",
    "parked": "yellow",
    "skipped": "dim",
    "waiting": "dim",
}
_FRAMES: Final = 12
_STATE, _TIME, _LEAST = 7, 8, 10  # widths in characters


class Show(Protocol):
    """What watches a run."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
        /,
    ) -> None: ...
    def tell(self, event: Happening) -> None: ...


class PlainShow(AbstractContextManager["PlainShow"]):
    """One line for each durable event; tokens would be noise in a log."""

    def __init__(
        self, board: Board, write: Callable[[str], None], clock: Callable[[], float]
    ) -> None:
        self._board = board
        self._write = write
        self._clock = clock
        self._start = clock()

    def tell(self, event: Happening) -> None:
        now = self._clock()
        self._board = self._board.fold(event, now)
        if event.type in ("token", "progress"):
            return
        self._write(self._line(event, now))

    def __exit__(self, *_: object) -> None:
        """Nothing was changed that must be put back."""

    def _line(self, event: Happening, now: float) -> str:
        head = f"{now - self._start:6.2f} s  {event.type}"
        line = self._board.steps.get(event.step)
        if line is None:
            return f"{head}  {self._board.status}"
        took = line.seconds(now) if line.ended is not None else None
        parts = [f"{head}  {line.name}"]
        parts += [f"in {took:.2f} s"] if took is not None else []
        parts += [line.note] if line.note else []
        return "  ".join(parts)


class LiveShow(AbstractContextManager["LiveShow"]):
    """A line per step with its state, its time and the end of what its model says."""

    def __init__(self, board: Board, console: Console, clock: Callable[[], float]) -> None:
        self._board = board
        self._clock = clock
        self._console = console
        self._live = Live(console=console, refresh_per_second=_FRAMES, get_renderable=self._picture)

    def tell(self, event: Happening) -> None:
        self._board = self._board.fold(event, self._clock())

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.refresh()
        self._live.stop()

    def _picture(self) -> Table:
        now = self._clock()
        table = Table.grid(padding=(0, 2))
        names = max((len(name) for name in self._board.steps), default=1)
        # The narrow columns keep their widths; what a model says gets what is left of the line.
        columns: tuple[tuple[int, Literal["left", "right"]], ...] = (
            (names, "left"),
            (_STATE, "left"),
            (_TIME, "right"),
        )
        for width, side in columns:
            table.add_column(width=width, justify=side, no_wrap=True)
        room = max(self._console.width - names - _STATE - _TIME - 4 * 2, _LEAST)
        table.add_column(width=room, no_wrap=True, overflow="ellipsis")
        for line in self._board.steps.values():
            table.add_row(line.name, _state(line), _took(line, now), _said(line, room))
        return table


def _state(line: StepLine) -> Text:
    return Text(line.state, style=_STYLES.get(line.state, ""))


def _took(line: StepLine, now: float) -> str:
    seconds = line.seconds(now)
    return "" if seconds is None else f"{seconds:.1f} s"


def _said(line: StepLine, room: int) -> Text:
    """Show the newest of what is being said, and the beginning of what was."""
    if line.note:
        return Text(line.note, style="yellow")
    said = " ".join(line.tail.split())
    return Text(said[-room:] if line.state == "running" else said, style="dim")


def show_for(board: Board, console: Console, clock: Callable[[], float] = time.monotonic) -> Show:
    """Choose by where it is shown."""
    if console.is_terminal:
        return LiveShow(board, console, clock)
    return PlainShow(
        board,
        lambda line: console.print(line, highlight=False, markup=False, soft_wrap=True),
        clock,
    )
