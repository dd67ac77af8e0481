"""Events fold into lines that can be shown."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from headrace_cli.board import Board
from headrace_cli.client import Happening
from headrace_cli.live import LiveShow, PlainShow, show_for


def durable(kind, step=None, **detail):
    return Happening("1", kind, {"type": kind, "step": step, "data": detail})


def token(step, text):
    return Happening("", "token", {"step": step, "text": text})


FOLDS = {
    "a step that runs": ([durable("step.started", "a")], "running", ""),
    "a step that is done": (
        [durable("step.started", "a"), durable("step.finished", "a")], "done", ""),
    "a step that is skipped": ([durable("step.skipped", "a")], "skipped", ""),
    "a step that failed says why": (
        [durable("step.failed", "a", errorClass="Timeout", message="late", action="Retry")],
        "failed", "Timeout late (Retry)"),
    "a step that is parked says until when": (
        [durable("step.parked", "a", reason="RateLimited", resumesAt="12:00")],
        "parked", "RateLimited, resumes at 12:00"),
    "a step that was handed back": (
        [durable("step.released", "a", reason="Interrupted")], "waiting", "Interrupted"),
}  # fmt: skip


@pytest.mark.parametrize(("events", "state", "note"), FOLDS.values(), ids=FOLDS)
def test_a_step_stands_as_its_last_event_says(events, state, note):
    board = Board.of(["a", "b"])
    for event in events:
        board = board.fold(event, 1.0)
    assert (board.steps["a"].state, board.steps["a"].note) == (state, note)
    assert board.steps["b"].state == "waiting"


def test_tokens_grow_a_tail_that_stays_short_and_begins_anew_with_an_attempt():
    board = Board().fold(token("a", "x" * 1000), 0).fold(token("a", "end"), 0)
    assert board.steps["a"].tail.endswith("xend")
    assert len(board.steps["a"].tail) == 400
    assert board.fold(durable("step.started", "a"), 1).steps["a"].tail == ""


def test_a_step_is_timed_from_start_to_end():
    board = Board().fold(durable("step.started", "a"), 2.0)
    assert board.steps["a"].seconds(5.0) == 3.0
    assert board.fold(durable("step.finished", "a"), 4.5).steps["a"].seconds(99.0) == 2.5


def test_the_run_has_its_status():
    assert Board().fold(durable("run.finished", status="Failed"), 0).status == "Failed"
    assert Board().fold(durable("run.cancelled"), 0).status == "Cancelled"


def test_plain_lines_tell_durable_events_only():
    lines, ticks = [], iter([0.0, 1.0, 1.5, 3.0, 3.0])
    with PlainShow(Board(), lines.append, lambda: next(ticks)) as show:
        for event in (
            durable("step.started", "a"),
            token("a", "hi"),
            durable("step.finished", "a"),
            durable("run.finished", status="Succeeded"),
        ):
            show.tell(event)
    assert lines == [
        "  1.00 s  step.started  a",
        "  3.00 s  step.finished  a  in 2.00 s",
        "  3.00 s  run.finished  Succeeded",
    ]


def test_a_terminal_gets_a_picture_and_a_file_gets_lines():
    assert isinstance(show_for(Board(), Console(file=io.StringIO())), PlainShow)
    screen = Console(file=io.StringIO(), force_terminal=True, width=100)
    shown = show_for(Board.of(["a"]), screen)
    assert isinstance(shown, LiveShow)
    with shown:
        shown.tell(durable("step.started", "a"))
        shown.tell(token("a", "Once upon a time"))
    assert "Once upon a time" in screen.file.getvalue()
