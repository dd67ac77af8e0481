"""
What handlers saw, written to a file: for ours and for every peer, so the standard library alone.

A call of `entered` costs an append. `<file>.began` appears with the first call, `<file>` with the
expected one, as one JSON list; what comes beyond goes line by line to `<file>.more`. Jobs whose
number is below `first` warm everything up, and are not kept.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path


class Tally:
    """Counts in one process; threads may share it."""

    def __init__(self, file: Path, count: int, first: int = 0) -> None:
        self._file = file
        self._count = count
        self._first = first
        self._began = False
        self._seen: list[tuple[int, int, int]] = []

    @classmethod
    def from_env(cls) -> Tally:
        first = int(os.environ.get("BENCH_FIRST", "0"))
        return cls(Path(os.environ["BENCH_TALLY"]), int(os.environ["BENCH_COUNT"]), first)

    def entered(self, number: int, sent: int = 0) -> None:
        """Note that a job has reached its handler; `sent` is monotonic, in nanoseconds."""
        each = (number, sent, time.monotonic_ns())
        if not self._began:
            self._began = True
            self._beside(".began").touch()
        if number < self._first:
            return
        self._seen.append(each)
        at = len(self._seen)
        if at > self._count:
            with self._beside(".more").open("a") as more:
                more.write(f"{json.dumps(each)}\n")
        if at == self._count:
            self._beside(".draft").write_text(json.dumps(self._seen))
            self._beside(".draft").replace(self._file)

    def _beside(self, suffix: str) -> Path:
        return self._file.with_suffix(suffix)


@dataclass(frozen=True, slots=True)
class Seen:
    """A tally as the bench reads it, in the order of the entries."""

    entries: list[tuple[int, int, int]]

    @classmethod
    def read(cls, file: Path) -> Seen:
        found = json.loads(file.read_text())
        more = file.with_suffix(".more")
        if more.exists():
            found += [json.loads(line) for line in more.read_text().splitlines()]
        return cls(sorted(((n, sent, at) for n, sent, at in found), key=lambda each: each[2]))

    def flaw(self, expected: range) -> str | None:
        """Say what of these numbers was lost, and what came twice; None if nothing was."""
        numbers = [number for number, _, _ in self.entries]
        lost = len(set(expected) - set(numbers))
        twice = len(numbers) - len(set(numbers))
        return f"{lost} lost, {twice} twice" if lost or twice else None

    def at(self, entry: int) -> float:
        """Return when entry number `entry` was, in seconds of the monotonic clock."""
        return self.entries[entry][2] / 1e9

    def latencies_ms(self, beyond: int = 0) -> list[float]:
        """Return how long each job was under way, but those numbered below `beyond`; sorted."""
        return sorted((at - sent) / 1e6 for number, sent, at in self.entries if number >= beyond)
