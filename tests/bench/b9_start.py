"""Starting the sides of B9: processes, databases, deployments."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import asyncpg

from b9_sides import STEPS, InProcess, OverHttp, Side
from peers import FOLDER, python_of
from processes import Process, free_port, listens, started

ROOT: Final = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests" / "support"))

from cluster import uid_of  # noqa: E402 -- the path above leads to it
from devcluster import places  # noqa: E402 -- `peers` leads to it
from gateway_rows import row  # noqa: E402 -- the path above leads to it
from headrace_contract.compiled import (  # noqa: E402 -- see above
    CompiledPipeline,
    CompiledPool,
    CompiledPython,
    CompiledRetry,
    CompiledStep,
)
from headrace_ledger.client import Ledger  # noqa: E402 -- see above
from headrace_ledger.declared import TenantRow  # noqa: E402 -- see above

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from doors import Door
    from headrace_ledger.embedded import EmbeddedLedger

TENANT: Final = "bench"
POOL: Final = "main"
ACCOUNT: Final = "draft-worker"
AT_ONCE: Final = 20


@dataclass(frozen=True, slots=True)
class Place:
    """What every side stands on: one PostgreSQL server, a gateway before it, a folder."""

    ledger: EmbeddedLedger
    postgres: Process
    door: Door
    key: str
    folder: Path


def declare(ledger: EmbeddedLedger, name: str) -> None:
    """Write what the operator would: a tenant, and a pipeline whose steps follow each other."""
    steps = [
        CompiledStep(
            name=f"s{number}",
            type="Python",
            depends_on=[f"s{number - 1}"] if number > 1 else [],
            pool=POOL,
            timeout_seconds=600,
            python=CompiledPython(function="b9_steps:step"),
        )
        for number in range(1, STEPS + 1)
    ]
    pool = CompiledPool(name=POOL, concurrency_per_worker=AT_ONCE, max_replicas=1, drain_seconds=5)
    pipeline = CompiledPipeline(
        tenant=TENANT,
        namespace=TENANT,
        name=name,
        uid=f"uid-{name}",
        generation=1,
        input_max_bytes=1000,
        steps=steps,
        pools=[pool],
        retry=CompiledRetry(max_attempts=3, initial_seconds=1, max_seconds=1),
        run_seconds=3600,
        result_seconds=3600,
    ).sealed()

    async def put() -> None:
        operator = await Ledger.connect(
            ledger.operator_url, role="operator", min_size=1, max_size=1
        )
        try:
            await operator.put_tenant(TenantRow(TENANT, TENANT, (TENANT,)))
            await operator.put_pipeline(
                row(pipeline, service_account=ACCOUNT, service_account_uid=uid_of(ACCOUNT))
            )
        finally:
            await operator.close()

    asyncio.run(put())


def runs_of(place: Place, name: str) -> OverHttp:
    path = f"/v1/namespaces/{TENANT}/pipelines/{name}/runs?wait=60s"
    good = re.compile(rb'"status":"Succeeded"')
    return OverHttp(place.door.port, path, lambda _, body: good.search(body) is not None, place.key)


def worker_environment(door: Door, name: str, health: int) -> dict[str, str]:
    """Return what the operator sets in a pod."""
    return {
        "HEADRACE_GATEWAY_URL": door.url,
        "HEADRACE_NAMESPACE": TENANT,
        "HEADRACE_PIPELINE": name,
        "HEADRACE_POOL": POOL,
        "HEADRACE_CONCURRENCY": str(AT_ONCE),
        "HEADRACE_TOKEN_FILE": str(door.token_file(TENANT, ACCOUNT)),
        "HEADRACE_HEALTH_PORT": str(health),
        "PYTHONPATH": str(Path(__file__).parent),
    }


@contextlib.contextmanager
def worker(
    place: Place, name: str, journal: Path, words: list[str | Path], **more: str
) -> Iterator[Process]:
    """Start a worker of a pipeline as its pod does, and wait until the gateway has answered it."""
    health = free_port()
    env = {**worker_environment(place.door, name, health), "B9_JOURNAL": str(journal), **more}
    log = journal.with_suffix(".log")
    with started([sys.executable, *words], env, log) as process:
        process.until(lambda: ready(health))
        yield process


@contextlib.contextmanager
def ours(place: Place, name: str, words: list[str | Path]) -> Iterator[Side]:
    declare(place.ledger, name)
    journal = place.folder / f"{name}.journal"
    with worker(place, name, journal, words) as process:
        took_part = {"worker": process, "gateway": place.door.process, "postgres": place.postgres}
        yield Side(runs_of(place, name), took_part, journal)


@contextlib.contextmanager
def dbos(place: Place) -> Iterator[Side]:
    """DBOS on the same server, in a database of its own, as a role that owns it."""
    asyncio.run(_database(place.ledger.admin_url, "dbos"))
    url = place.ledger.admin_url.replace("postgres@/headrace", "dbos@/dbos")
    journal, port = place.folder / "dbos.journal", free_port()
    words = [python_of("dbos"), FOLDER / "dbos" / "chain.py", url, str(port), journal]
    with started(words, {}, place.folder / "dbos.log") as process:
        process.until(lambda: listens(port))
        yield Side(InProcess(port), {"dbos": process, "postgres": place.postgres}, journal)


@contextlib.contextmanager
def restate(place: Place) -> Iterator[Side]:
    """Restate's own server, which keeps its log on the same disk, and a service of its SDK."""
    journal = place.folder / "restate.journal"
    node, ingress, admin, service = (free_port() for _ in range(4))
    env = {
        "RESTATE_DISABLE_TELEMETRY": "true",
        "RESTATE_LISTEN_MODE": "tcp",
        "RESTATE_BIND_IP": "127.0.0.1",
        "RESTATE_BIND_PORT": str(node),
        "RESTATE_INGRESS__BIND_PORT": str(ingress),
        "RESTATE_ADMIN__BIND_PORT": str(admin),
        "RESTATE_LOG_FILTER": "warn",
    }
    server_words = [restate_server(), "--no-logo", "--base-dir", place.folder / "restate"]
    service_words = [python_of("restate"), FOLDER / "restate" / "chain.py", str(service), journal]
    with (
        started(server_words, env, place.folder / "restate.log") as server,
        started(service_words, {}, place.folder / "restate-service.log") as process,
    ):
        process.until(lambda: listens(service))
        server.until(lambda: listens(admin) and listens(ingress))
        server.until(lambda: _deployed(admin, service))
        runs = OverHttp(ingress, "/chain/chain", lambda name, body: json.loads(body) == name)
        yield Side(runs, {"restate": server, "service": process}, journal)


def restate_server() -> Path:
    """Return Restate's server from its makers' npm package; fetch it if it is not there."""
    source = FOLDER / "restate"
    home = places.cache() / "bench" / f"restate-server-{pinned_restate()}"
    if not (home / "complete").exists():
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(parents=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(source / name, home)
        # Without its scripts: one of them reports the installation to a third party.
        subprocess.run(["npm", "ci", "--ignore-scripts"], cwd=home, check=True, capture_output=True)
        (home / "complete").touch()
    return next(home.glob("node_modules/@restatedev/restate-server-*/bin/restate-server"))


def pinned_restate() -> str:
    package = json.loads((FOLDER / "restate" / "package.json").read_text())
    return str(package["dependencies"]["@restatedev/restate-server"])


def restate_durability() -> Mapping[str, str]:
    """Say whether Restate syncs its log, by its own word."""
    words = [restate_server(), "--dump-config"]
    said = subprocess.run(words, capture_output=True, text=True, check=True, env=dict(os.environ))
    found = {line.split(" = ")[1] for line in said.stdout.splitlines() if "wal-fsync" in line}
    return {"rocksdb-disable-wal-fsync": " or ".join(sorted(found))}


async def _database(admin_url: str, name: str) -> None:
    admin = await asyncpg.connect(admin_url)
    try:
        await admin.execute(f"CREATE ROLE {name} LOGIN")
        await admin.execute(f"CREATE DATABASE {name} OWNER {name}")
    finally:
        await admin.close()


def _deployed(admin: int, service: int) -> bool:
    body: dict[str, Any] = {"uri": f"http://127.0.0.1:{service}"}
    return _answered(f"http://127.0.0.1:{admin}/deployments", json.dumps(body).encode())


def ready(port: int) -> bool:
    return _answered(f"http://127.0.0.1:{port}/readyz", None)


def _answered(url: str, body: bytes | None) -> bool:
    headers = {"content-type": "application/json"}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=10):
            return True
    except (urllib.error.URLError, OSError):
        return False
