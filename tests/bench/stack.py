"""
Ours under measure, as processes: PostgreSQL, one gateway program, one worker program.

The gateway is `python -m headrace_gateway` with the role and settings that it has in a cluster:
forced row-level security, every answered write on disk, tokens and API keys checked. Tenant limits
do not exist yet. Declaring pipelines and filling a backlog go to the ledger directly, outside of
what is measured.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

ROOT: Final = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests" / "support"))

import asyncpg  # noqa: E402 -- the path above leads to what follows

import ledger_rows as make  # noqa: E402 -- as above
from cluster import serving_cluster, uid_of  # noqa: E402 -- as above
from headrace_cli.local.prepare import plan_of  # noqa: E402 -- as above
from headrace_contract.compiled import CompiledPipeline  # noqa: E402 -- as above
from headrace_gateway.identity.api_keys import make_key  # noqa: E402 -- as above
from headrace_ledger.client import Ledger  # noqa: E402 -- as above
from headrace_ledger.declared import ApiKeyRow, PipelineRow, TenantRow  # noqa: E402 -- as above
from headrace_ledger.embedded import EmbeddedLedger  # noqa: E402 -- as above
from headrace_operator.apply.rows import pipeline_row  # noqa: E402 -- as above
from processes import Process, cpu_seconds, descendants, free_port, listens, started  # noqa: E402 -- as above
from worker_scenes import http, pipeline  # noqa: E402 -- as above

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from typing import TypeVar

    from cluster import Cluster

    T = TypeVar("T")

TENANT: Final = "bench"
NAMESPACE: Final = "bench"
FILL: Final = 500
TEXT: Final = "x" * 120


@dataclass(frozen=True, slots=True)
class Declared:
    """A pipeline of one step as the operator has declared it."""

    compiled: CompiledPipeline
    row: PipelineRow

    @property
    def path(self) -> str:
        return f"/v1/namespaces/{NAMESPACE}/pipelines/{self.compiled.name}/runs"


@dataclass
class Stack:
    """What a bench does as operator and as administrator, and where it finds the door."""

    folder: Path
    postgres: EmbeddedLedger
    cluster: Cluster
    runner: asyncio.Runner
    ledgers: dict[str, Ledger] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    api_key: str = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(self, what: Callable[[Ledger], Awaitable[T]], role: Any = "gateway") -> T:
        """Call the ledger as one of its roles."""

        async def go() -> T:
            if role not in self.ledgers:
                url = self.postgres.url(role)
                self.ledgers[role] = await Ledger.connect(url, role=role, min_size=1, max_size=4)
            return await what(self.ledgers[role])

        return self.runner.run(go())

    def close(self) -> None:
        for ledger in self.ledgers.values():
            self.runner.run(ledger.close())

    def rows(self, sql: str, *values: object) -> list[asyncpg.Record]:
        """Look behind the scenes, as the server's administrator."""

        async def go() -> list[asyncpg.Record]:
            connection = await asyncpg.connect(self.postgres.admin_url)
            try:
                return await connection.fetch(sql, *values)
            finally:
                await connection.close()

        return self.runner.run(go())

    def drift(self) -> bool:
        """Say whether a kept counter differs from the rows that it counts."""
        return bool(self.ask(lambda ledger: ledger.audit()))

    def declare(self, **changes: Any) -> Declared:
        """Declare a pipeline of one step, whose worker does nothing."""
        compiled = pipeline(
            http("nothing", "http://127.0.0.1:1/"),
            tenant=TENANT,
            namespace=NAMESPACE,
            name=f"bench-{uuid4().hex[:8]}",
            uid=str(uuid4()),
        )
        row = pipeline_row(plan_of(compiled, "None"))
        known = {"service_account_uid": uid_of(row.service_account), **changes}
        declared = Declared(compiled, replace(row, **known))
        self.ask(lambda ledger: ledger.put_pipeline(declared.row), "operator")
        return declared

    def fill(self, to: Declared, count: int) -> None:
        """Accept so many runs, numbered from 0."""

        async def go(ledger: Ledger) -> None:
            await asyncio.gather(*(part(ledger, first) for first in range(3)))

        async def part(ledger: Ledger, first: int) -> None:
            for start in range(first * FILL, count, 3 * FILL):
                numbers = range(start, min(start + FILL, count))
                await ledger.accept([make.submit(to.row, input=given(n)) for n in numbers])

        self.ask(go)

    def left(self, of: Declared) -> int:
        """Return how many tasks of a pipeline are runnable or running, by the kept counters."""
        counts = self.ask(lambda ledger: ledger.counts())
        return sum(c.runnable + c.running for c in counts if c.pipeline == of.compiled.name)

    def postgres_pid(self) -> int:
        """Return the postmaster: the only `postgres` whose parent is no other one."""
        ours = descendants(os.getpid())
        socket = str(self.postgres.admin_url).rsplit("=", 1)[1].replace("%2F", "/")
        for pid in ours:
            with contextlib.suppress(OSError):
                words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
                if words[0].endswith(b"postgres") and socket.encode() in words:
                    return pid
        message = "no postmaster among our processes"
        raise LookupError(message)

    def postgres_cpu(self) -> float:
        return cpu_seconds(self.postgres_pid())

    @contextlib.contextmanager
    def gateway(self) -> Iterator[Process]:
        env = {
            "HEADRACE_LEDGER_URL": self.postgres.gateway_url,
            "HEADRACE_HOST": "127.0.0.1",
            "HEADRACE_PORT": str(self.port),
            "HEADRACE_METRICS_PORT": str(free_port()),
            "HEADRACE_SCALER_PORT": str(free_port()),
            "HEADRACE_API_SERVER": self.cluster.url,
            "HEADRACE_SERVICE_ACCOUNT": str(self.cluster.mount),
            "HEADRACE_LINGER_SECONDS": "0",
            "HEADRACE_GRACE_SECONDS": "1",
        }
        words = [sys.executable, "-m", "headrace_gateway"]
        with started(words, env, self.folder / "gateway.log") as process:
            process.until(lambda: listens(self.port))
            yield process

    @contextlib.contextmanager
    def worker(
        self, of: Declared, slots: int, tally: Path, count: int, first: int = 0
    ) -> Iterator[Process]:
        """Run the worker's program with so many slots; see `nothing_worker.py`."""
        token = self.folder / "worker.token"
        token.write_text(self.cluster.token(NAMESPACE, of.row.service_account))
        env = {
            "HEADRACE_GATEWAY_URL": self.url,
            "HEADRACE_NAMESPACE": NAMESPACE,
            "HEADRACE_PIPELINE": of.compiled.name,
            "HEADRACE_POOL": "main",
            "HEADRACE_POD_NAME": f"pod-{uuid4().hex[:8]}",
            "HEADRACE_CONCURRENCY": str(slots),
            "HEADRACE_TOKEN_FILE": str(token),
            "HEADRACE_HEALTH_PORT": "0",
            "HEADRACE_DRAIN_SECONDS": "1",
            "BENCH_TALLY": str(tally),
            "BENCH_COUNT": str(count),
            "BENCH_FIRST": str(first),
        }
        words = [sys.executable, Path(__file__).with_name("nothing_worker.py")]
        with started(words, env, self.folder / "worker.log") as process:
            yield process


def given(number: int, sent: int = 0) -> str:
    """Return a run's input: 160 bytes."""
    return f'{{"number": {number}, "sent": {sent}, "text": "{TEXT}"}}'


@contextlib.contextmanager
def serving_stack(folder: Path) -> Iterator[Stack]:
    """A fresh ledger, whose gateway is started when it is wanted."""
    with (
        EmbeddedLedger() as postgres,
        serving_cluster(folder) as cluster,
        asyncio.Runner() as runner,
    ):
        stack = Stack(folder, postgres, cluster, runner)
        made = make_key(os.urandom)
        stack.api_key = made.text.get_secret_value()
        key = ApiKeyRow(TENANT, "bench", made.prefix, made.hash, "bench", ("submit",), "bench")
        tenant = TenantRow(TENANT, TENANT, (NAMESPACE,))
        try:
            stack.ask(lambda ledger: ledger.put_tenant(tenant), "operator")
            stack.ask(lambda ledger: ledger.create_api_key(key))
            yield stack
        finally:
            stack.close()
