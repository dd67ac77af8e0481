"""Whether watches are alive: bytes that arrive, bookmarks included, even if nothing happens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import aiohttp

BLIND_AFTER: Final = 75.0  # the API server sends a bookmark every minute
HOPELESS_AFTER: Final = 180.0


@dataclass(slots=True)
class Beat:
    """The last stream of one path, and when it last grew."""

    response: aiohttp.ClientResponse
    size: int
    at: float


class Pulse:
    """Sees every watch that kopf opens, as a middleware of its HTTP session."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._beats: dict[str, Beat] = {}

    async def middleware(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Remember the stream of a watch; everything else passes."""
        response = await handler(request)
        if request.url.query.get("watch") == "true":
            self._beats[request.url.path] = Beat(response, 0, self._clock())
        return response

    def ages(self) -> dict[str, float]:
        """Say for every path that is watched how long nothing has come."""
        now = self._clock()
        for beat in self._beats.values():
            size = beat.response.content.total_bytes
            if size != beat.size:
                beat.size, beat.at = size, now
        return {path: now - beat.at for path, beat in self._beats.items()}

    def unbegun(self, plurals: Iterable[str]) -> set[str]:
        """Name the kinds whose watch never began."""
        return set(plurals) - {path.rsplit("/", 1)[-1] for path in self._beats}

    def forget(self, plural: str) -> None:
        """Expect nothing more of a kind that is no longer served."""
        for path in [path for path in self._beats if path.rsplit("/", 1)[-1] == plural]:
            del self._beats[path]

    def restart(self) -> None:
        """Expect every watch to begin anew."""
        self._beats.clear()

    def age(self, plurals: Iterable[str]) -> float:
        """Return the age of the oldest of these watches; one that never began is infinitely old."""
        ages = self.ages()
        oldest = 0.0
        for plural in plurals:
            of_kind = [age for path, age in ages.items() if path.rsplit("/", 1)[-1] == plural]
            oldest = max(oldest, *of_kind) if of_kind else float("inf")
            if oldest == float("inf"):
                return oldest
        return oldest
