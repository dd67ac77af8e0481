"""Tokens as they pass: kept only while somebody listens, joined to a few events a second, lossy."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from headrace_gateway.wake import Bell

MOST_TEXT: Final = 64 * 1024


@dataclass(slots=True, eq=False)
class Ear:
    """One listener: what it has not been told yet, by (kind, step), and the bell that wakes it."""

    bell: Bell
    heard: dict[tuple[str, str], str] = field(default_factory=dict)

    def take(self) -> dict[tuple[str, str], str]:
        gathered, self.heard = self.heard, {}
        return gathered


class Deltas:
    """From the model endpoint and the progress route to whoever streams that run."""

    def __init__(self) -> None:
        self._ears: dict[UUID, set[Ear]] = {}

    def wanted(self, run: UUID) -> bool:
        """Say whether anybody listens; nothing needs to be parsed if not."""
        return run in self._ears

    def add(self, run: UUID, step: str, text: str, kind: str = "token") -> None:
        """Give text to all who listen; one who does not keep up loses the oldest of it."""
        for ear in self._ears.get(run, ()):
            joined = ear.heard.get((kind, step), "") + text
            ear.heard[kind, step] = joined[-MOST_TEXT:]
            ear.bell.nudge()

    @contextmanager
    def listen(self, run: UUID, bell: Bell) -> Iterator[Ear]:
        ear = Ear(bell)
        self._ears.setdefault(run, set()).add(ear)
        try:
            yield ear
        finally:
            self._ears[run].discard(ear)
            if not self._ears[run]:
                del self._ears[run]
