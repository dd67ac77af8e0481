"""
Two sides, A B A B in one run; the result is the median of the pair ratios, with its spread.

Neighbours on the machine come and go: both halves of a pair see the same ones.
"""

from __future__ import annotations

import json
import os
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

A = TypeVar("A")
B = TypeVar("B")


class InexactError(Exception):
    """Something was lost or came twice: that run has no figure."""


@dataclass(frozen=True, slots=True)
class Pairs(Generic[A, B]):
    """What both sides came to, pair by pair."""

    ours: list[A]
    theirs: list[B]

    def ratio(self, of: Callable[[A], float], by: Callable[[B], float]) -> Ratio:
        return Ratio([of(a) / by(b) for a, b in zip(self.ours, self.theirs, strict=True)])


@dataclass(frozen=True, slots=True)
class Ratio:
    """Ours over theirs, a value for each pair."""

    each: Sequence[float]

    @property
    def median(self) -> float:
        return statistics.median(self.each)

    def facts(self) -> dict[str, Any]:
        return {
            "ratio": round(self.median, 3),
            "spread": [round(min(self.each), 3), round(max(self.each), 3)],
            "pairs": len(self.each),
        }

    def at_least(self, floor: float) -> dict[str, Any]:
        return {**self.facts(), "floor": f">= {floor:g}", "holds": self.median >= floor}

    def at_most(self, ceiling: float) -> dict[str, Any]:
        return {**self.facts(), "floor": f"<= {ceiling:g}", "holds": self.median <= ceiling}


def alternate(count: int, ours: Callable[[], A], theirs: Callable[[], B]) -> Pairs[A, B]:
    """Run both sides so many times, ours first."""
    made: list[tuple[A, B]] = [(ours(), theirs()) for _ in range(count)]
    return Pairs([a for a, _ in made], [b for _, b in made])


def ratio_of(
    rounds: Sequence[Mapping[str, A]], ours: str, theirs: str, of: Callable[[A], float]
) -> Ratio | None:
    """Divide side by side in each round that has a figure for both; None if none has."""
    both = [one for one in rounds if ours in one and theirs in one]
    return Ratio([of(one[ours]) / of(one[theirs]) for one in both]) if both else None


def say(**facts: Any) -> bool:
    """Print one result as a line of JSON, with the machine's load; say whether its floor holds."""
    print(json.dumps({**facts, "load": round(os.getloadavg()[0], 1)}), flush=True)
    return bool(facts.get("holds", True))
