"""The three sides of B9: each runs chains of steps, and says for itself that none was lost."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.request
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from timed import Wire

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from processes import Process

STEPS: Final = 7
PATIENCE: Final = 300.0


@dataclass(frozen=True, slots=True)
class Round:
    """So many chains, so many of them at once."""

    chains: int
    seconds: float
    cpu: Mapping[str, float]
    """Seconds of CPU of each process that took part."""

    @property
    def ms_per_step(self) -> float:
        """A chain's time from submit to answer over its steps, when chains follow each other."""
        return 1000 * self.seconds / (self.chains * STEPS)

    @property
    def steps_per_second(self) -> float:
        return self.chains * STEPS / self.seconds

    def cpu_ms_per_step(self) -> dict[str, float]:
        return {name: round(1000 * s / (self.chains * STEPS), 3) for name, s in self.cpu.items()}


class Runs(Protocol):
    """What a side is asked for: run chains of these names, and return the seconds that it took."""

    def run(self, names: Sequence[str], at_once: int) -> float: ...


class Side:
    """A side under measure: its processes, and the journal into which each step writes a line."""

    def __init__(self, runs: Runs, processes: Mapping[str, Process], journal: Path) -> None:
        self._runs = runs
        self._processes = processes
        self._journal = journal
        self.chains = 0

    def round(self, chains: int, at_once: int) -> Round:
        names = [f"c{self.chains + number}" for number in range(chains)]
        before = self._cpu()
        seconds = self._runs.run(names, at_once)
        cpu = {name: after - before[name] for name, after in self._cpu().items()}
        self.chains += chains
        self.check()
        return Round(chains, seconds, cpu)

    def check(self) -> None:
        """Raise unless every step of every chain so far has run exactly once."""
        lines = Counter(self._journal.read_text().splitlines())
        assert len(lines) == self.chains * STEPS, (len(lines), self.chains)
        assert set(lines.values()) <= {1}, [line for line, count in lines.items() if count > 1]

    def _cpu(self) -> dict[str, float]:
        return {name: process.cpu for name, process in self._processes.items()}


class OverHttp:
    """Chains that are started by a request each, which is answered when the chain has ended."""

    def __init__(
        self, port: int, path: str, is_good: Callable[[str, bytes], bool], token: str = ""
    ) -> None:
        self._port = port
        self._path = path
        self._is_good = is_good
        self._token = token

    def run(self, names: Sequence[str], at_once: int) -> float:
        return asyncio.run(self._run(names, at_once))

    async def _run(self, names: Sequence[str], at_once: int) -> float:
        wires = [await Wire.to(self._port) for _ in range(at_once)]
        left = list(reversed(names))
        began = time.perf_counter()
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*(self._work_off(wire, left) for wire in wires))
        took = time.perf_counter() - began
        for wire in wires:
            await wire.close()
        return took

    async def _work_off(self, wire: Wire, left: list[str]) -> None:
        while left:
            name = left.pop()
            told = await wire.post(self._path, json.dumps(name).encode(), self._token)
            assert told.status == 200, told.body[:500]
            assert self._is_good(name, told.body), told.body[:500]


class InProcess:
    """Chains that are started in the process that runs them: DBOS is a library."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}"

    def run(self, names: Sequence[str], at_once: int) -> float:
        asked: dict[str, Any] = {"names": list(names), "at_once": at_once}
        with urllib.request.urlopen(self._url, json.dumps(asked).encode(), PATIENCE) as answer:
            return float(json.load(answer)["seconds"])
