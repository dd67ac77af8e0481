"""A limit of requests per minute and model that the mock says with its answers, and keeps to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

WINDOW_SECONDS: Final = 60.0
_MOST_MODELS: Final = 1000


@dataclass(frozen=True, slots=True)
class Standing:
    """What a call finds: the headers to answer with, and whether it is one too many."""

    headers: dict[str, str]
    refused: bool
    seconds: float
    """Until the window begins anew."""


@dataclass(slots=True)
class Rates:
    """Counts calls; a window begins with the first call after the one before has ended."""

    per_minute: int
    _windows: dict[str, tuple[float, int]] = field(default_factory=dict)

    def take(self, model: str, now: float) -> Standing:
        began, used = self._windows.get(model, (now, 0))
        if now >= began + WINDOW_SECONDS:
            began, used = now, 0
        refused = used >= self.per_minute
        if len(self._windows) >= _MOST_MODELS and model not in self._windows:
            self._windows.clear()
        self._windows[model] = began, used + (not refused)
        seconds = began + WINDOW_SECONDS - now
        left = self.per_minute - self._windows[model][1]
        headers = {
            "x-ratelimit-limit-requests": str(self.per_minute),
            "x-ratelimit-remaining-requests": str(left),
            "x-ratelimit-reset-requests": f"{seconds * 1000:.0f}ms",
        }
        return Standing(headers, refused, seconds)
