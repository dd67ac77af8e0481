"""The task queues that ours is measured beside: how each is filled and worked off, over Redis."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from peers import FOLDER, python_of, versions_of
from processes import EndedError, Process, free_port, listens, started

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HERE: Final = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class Queue:
    """One peer, as one worker process."""

    name: str
    peer: str
    words: Sequence[str]
    """What follows `python -m` to start its worker."""
    packages: Sequence[str]
    settings: Sequence[tuple[str, str]] = ()

    def env(self, redis: Redis, tally: Path, count: int, first: int = 0) -> dict[str, str]:
        return {
            "BENCH_REDIS": redis.url,
            "BENCH_TALLY": str(tally),
            "BENCH_COUNT": str(count),
            "BENCH_FIRST": str(first),
            "PYTHONPATH": f"{HERE}:{FOLDER / self.peer}",
            **dict(self.settings),
        }

    def submit(self, env: dict[str, str], *words: str) -> None:
        """Run its submitter to the end."""
        command = [str(python_of(self.peer)), str(FOLDER / self.peer / "submit.py"), *words]
        done = subprocess.run(
            command, env={**_home(), **env}, capture_output=True, text=True, check=False
        )
        if done.returncode:
            message = f"{self.name}: {done.stderr[-2000:]}"
            raise SystemExit(message)

    @contextlib.contextmanager
    def worker(self, env: dict[str, str], log: Path) -> Iterator[Process]:
        words = [python_of(self.peer), "-m", *self.words]
        with started(words, env, log, cwd=FOLDER / self.peer) as process:
            yield process

    def versions(self) -> dict[str, str]:
        return versions_of(self.peer, *self.packages)


_TASKIQ: Final = ("taskiq", "worker", "jobs:broker", "--workers", "1", "--max-async-tasks", "32")
_STREAM: Final = (("BENCH_BROKER", "stream"),)
_PACKAGES: Final = ("taskiq", "taskiq-redis", "redis")
TASKIQ: Final = Queue("taskiq", "taskiq", _TASKIQ, _PACKAGES)
TASKIQ_STREAM: Final = Queue("taskiq (streams)", "taskiq", _TASKIQ, _PACKAGES, _STREAM)
TASKIQ_SILENT: Final = Queue(
    "taskiq, warnings only", "taskiq", (*_TASKIQ, "--log-level", "WARNING"), _PACKAGES
)
SAQ: Final = Queue(
    "saq", "saq", ("saq", "jobs.settings"), ("saq", "redis"), (("BENCH_CONCURRENCY", "32"),)
)
DRAMATIQ: Final = Queue(
    "dramatiq", "dramatiq", ("dramatiq", "jobs", "-p", "1", "-t", "8"), ("dramatiq", "redis")
)
CELERY: Final = Queue(
    "celery", "celery", ("celery", "-A", "jobs", "worker", "-c", "1"), ("celery", "redis")
)
ALL: Final = (TASKIQ, TASKIQ_STREAM, SAQ, DRAMATIQ, CELERY)


@dataclass(frozen=True, slots=True)
class Redis:
    """A server of its own for one measurement: Debian's, as it comes."""

    port: int
    process: Process
    folder: Path

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def facts(self) -> dict[str, Any]:
        """Read back what it promises."""
        asked = ("appendonly", "appendfsync", "save")
        found = {name: self.ask("CONFIG", "GET", name).splitlines()[-1] for name in asked}
        return {**found, "version": self._info("server", "redis_version")}

    def log_always(self) -> None:
        """Have each answered write on disk from now on, which is what ours promises too."""
        self.ask("CONFIG", "SET", "appendfsync", "always")
        self.ask("CONFIG", "SET", "appendonly", "yes")
        state = "aof_rewrite_in_progress", "aof_rewrite_scheduled"
        self.process.until(lambda: {self._info("persistence", name) for name in state} == {"0"})
        if self.facts()["appendonly"] != "yes":
            raise EndedError(self.process.said())

    def save(self) -> Path:
        """Write a dump that another server can start from."""
        self.ask("SAVE")
        return self.folder / "dump.rdb"

    def ask(self, *words: str) -> str:
        command = ["redis-cli", "-p", str(self.port), *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def _info(self, section: str, name: str) -> str:
        lines = self.ask("INFO", section).splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith(f"{name}:"))


@contextlib.contextmanager
def redis_server(folder: Path) -> Iterator[Redis]:
    """Run Debian's server on what the folder holds: snapshots now and then, no append-only file."""
    install_redis()
    port = free_port()
    words = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
    with started(words, {}, folder / "redis.log") as process:
        redis = Redis(port, process, folder)
        process.until(lambda: listens(port))
        process.until(lambda: redis.ask("PING") == "PONG\n")
        yield redis


def install_redis() -> None:
    """Bring the server from Debian if it is not there; say so where that cannot be."""
    if shutil.which("redis-server"):
        return
    if os.geteuid() or not shutil.which("apt-get"):
        message = "The peers need `redis-server`; install it, or run this as root on Debian."
        raise SystemExit(message)
    for words in (["apt-get", "update"], ["apt-get", "install", "-y", "redis-server"]):
        done = subprocess.run(
            words,
            env={**_home(), "DEBIAN_FRONTEND": "noninteractive"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            message = f"{' '.join(words)}: {done.stderr.strip()[-500:]}"
            raise SystemExit(message)


def _home() -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
