"""What can be seen of a run while it goes on: events folded into a line per step. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final

from headrace_cli.client import Happening

_TAIL: Final = 400  # characters of a step's text that are kept to be shown
_STATES: Final[Mapping[str, str]] = {
    "step.started": "running",
    "step.finished": "done",
    "step.skipped": "skipped",
    "step.failed": "failed",
    "step.parked": "parked",
    "step.released": "waiting",
}


@dataclass(frozen=True, slots=True)
class StepLine:
    """One step, as it stands."""

    name: str
    state: str = "waiting"
    began: float | None = None
    ended: float | None = None
    tail: str = ""
    note: str = ""

    def seconds(self, now: float) -> float | None:
        """Return how long it has been running, or ran."""
        return None if self.began is None else (self.ended or now) - self.began


@dataclass(frozen=True, slots=True)
class Board:
    """All steps of one run, in the order of the pipeline where that is known."""

    steps: Mapping[str, StepLine] = field(default_factory=lambda: MappingProxyType({}))
    status: str = "Pending"

    @classmethod
    def of(cls, names: list[str]) -> Board:
        return cls(MappingProxyType({name: StepLine(name) for name in names}))

    def fold(self, event: Happening, now: float) -> Board:
        """Return the board after one more event."""
        if event.type.startswith("run."):
            status = str(event.detail.get("status") or _RUN.get(event.type, self.status))
            return replace(self, status=status)
        if not event.step:
            return self
        line = _fold(self.steps.get(event.step, StepLine(event.step)), event, now)
        return replace(self, steps=MappingProxyType({**self.steps, event.step: line}))


_RUN: Final[Mapping[str, str]] = {"run.accepted": "Accepted", "run.cancelled": "Cancelled"}


def _fold(line: StepLine, event: Happening, now: float) -> StepLine:
    if event.type in ("token", "progress"):
        text = str(event.data.get("text", ""))
        tail = (line.tail + text)[-_TAIL:] if event.type == "token" else text[-_TAIL:]
        return replace(line, tail=tail)
    state = _STATES.get(event.type, line.state)
    if state == "running":
        return replace(line, state=state, began=now, ended=None, tail="", note="")
    return replace(line, state=state, ended=now, note=note_of(event.detail))


def note_of(detail: Mapping[str, Any]) -> str:
    """Say why a step did not simply end: its error, or what it waits for."""
    if detail.get("errorClass"):
        told = [str(detail["errorClass"])]
        told += [str(detail["message"])] if detail.get("message") else []
        told += [f"({detail['action']})"] if detail.get("action") else []
        return " ".join(told)
    if detail.get("resumesAt"):
        return f"{detail.get('reason', 'parked')}, resumes at {detail['resumesAt']}"
    return str(detail.get("reason", ""))
