"""
A worker from exec to its first answered claim, and then with nothing to do; one JSON line each.

The program is `python -m headrace_worker` against a real gateway. CPU is what the kernel counted
for all its threads when the worker said that it is ready; memory is what it holds seconds later.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from b9_start import declare, ready, worker_environment
from doors import Door, gateway
from headrace_ledger.embedded import EmbeddedLedger
from pairs import say
from processes import free_port, pause, started

PIPELINE: Final = "start"
IDLE_SECONDS: Final = 2.0
CPU_SECONDS: Final = 0.6
CPU_AMBITION: Final = 0.12
RSS_MIB: Final = 60.0
RSS_AMBITION: Final = 45.0


def one_start(door: Door, folder: Path) -> tuple[float, float, float]:
    """Return seconds, CPU seconds and MiB of one worker."""
    health = free_port()
    env = worker_environment(door, PIPELINE, health)
    began = time.perf_counter()
    with started([sys.executable, "-m", "headrace_worker"], env, folder / "worker.log") as process:
        process.until(lambda: ready(health))
        took, cpu = time.perf_counter() - began, cpu_of(process.pid)
        pause(IDLE_SECONDS)
        return took, cpu, process.rss / 2**20


def cpu_of(pid: int) -> float:
    """Return seconds on a CPU; /proc/<pid>/stat counts in hundredths, which is too coarse."""
    total = 0
    for path in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        with contextlib.suppress(OSError):
            total += int(path.read_text().split()[0])
    return total / 1e9


def tell(figure: str, each: list[float], unit: str, floor: float, ambition: float) -> bool:
    median = statistics.median(each)
    say(
        bench="worker-start",
        figure=figure,
        value=round(median, 3),
        spread=[round(min(each), 3), round(max(each), 3)],
        starts=len(each),
        unit=unit,
        floor=f"<= {floor:g}",
        holds=median <= floor,
        ambition=f"<= {ambition:g}",
        ambition_holds=median <= ambition,
    )
    return median <= floor


def main() -> int:
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--starts", type=int, default=7)
    asked = given.parse_args()
    with tempfile.TemporaryDirectory() as name, EmbeddedLedger() as ledger:
        folder = Path(name)
        declare(ledger, PIPELINE)
        with gateway(ledger, folder) as door:
            one_start(door, folder)  # writes the byte code, which an image has from its build
            found = [one_start(door, folder) for _ in range(asked.starts)]
    took, cpu, rss = (list(each) for each in zip(*found, strict=True))
    say(
        bench="worker-start",
        figure="exec → ready",
        value=round(statistics.median(took), 3),
        spread=[round(min(took), 3), round(max(took), 3)],
        unit="s",
    )
    good = [
        tell("start to first claim, CPU", cpu, "s", CPU_SECONDS, CPU_AMBITION),
        tell("idle memory", rss, "MiB", RSS_MIB, RSS_AMBITION),
    ]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
