"""What the probes of the pod want to know; written by the worker, read by the health server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

DEAD_SECONDS: Final = 60.0


class Vitals:
    """Two facts: whether the event loop turns, and whether the gateway has answered a claim."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._turned = monotonic()
        self.ready = False

    def turned(self) -> None:
        """Note that the event loop is alive; called inside it."""
        self._turned = self._monotonic()

    @property
    def alive(self) -> bool:
        return self._monotonic() - self._turned < DEAD_SECONDS
