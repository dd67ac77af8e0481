"""The operator as the process that the image starts: real servers and a real signal."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx2 as httpx
import pytest

import chart
import operating
from headrace_ledger.client import Ledger
from headrace_operator.metrics import Metrics
from reconcile_fixtures import remove

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from apiserver import ApiServer

pytestmark = [
    pytest.mark.apiserver,
    pytest.mark.postgres,
    pytest.mark.asyncio(loop_scope="module"),
]
SYSTEM = "headrace-system"
WRITING = {"create", "update", "patch", "delete", "deletecollection"}
RENEWAL = ("update", "leases")
LISTING = ("list", "agentpipelines")


class Process:
    """The operator's process and what it serves."""

    def __init__(self, process: asyncio.subprocess.Process, port: int, log: Path) -> None:
        self.process = process
        self.port = port
        self.log = log

    async def ask(self, path: str) -> httpx.Response:
        async with httpx.AsyncClient() as http:
            return await http.get(f"http://127.0.0.1:{self.port}{path}")

    async def until_ready(self) -> None:
        for _ in range(400):
            try:
                if (await self.ask("/readyz")).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.05)
        raise AssertionError(self.log.read_text()[-3000:])

    async def leave(self) -> int:
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(20):
            return await self.process.wait()


@pytest.fixture(scope="module")
def account(apiserver: ApiServer) -> Path:
    """Get in as the chart's ServiceAccount, which may do what the chart's roles say."""
    apiserver.kubectl("create", "namespace", SYSTEM)
    rendered = chart.render()
    for kind in ("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"):
        one = rendered.only(kind, "headrace-operator")
        done = apiserver.kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(one))
        assert done.returncode == 0, done.stderr
    user = f"system:serviceaccount:{SYSTEM}:headrace-operator"
    groups = ["system:serviceaccounts", f"system:serviceaccounts:{SYSTEM}"]
    return apiserver.kubeconfig_for(user, groups)


@asynccontextmanager
async def process(
    kubeconfig: Path, ledger_url: str, log: Path, **changes: str
) -> AsyncIterator[Process]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = {
        "PATH": os.environ["PATH"],
        "KUBECONFIG": str(kubeconfig),
        "HEADRACE_LEDGER_URL": ledger_url,
        "HEADRACE_LISTEN_HOST": "127.0.0.1",
        "HEADRACE_LISTEN_PORT": str(port),
        "HEADRACE_SYSTEM_NAMESPACE": SYSTEM,
        "HEADRACE_WORKER_IMAGE": "headrace-worker:1",
        **changes,
    }
    with log.open("wb") as out:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-W", "error", "-m", "headrace_operator", env=env, stderr=out
        )
    one = Process(child, port, log)
    try:
        yield one
    finally:
        await one.leave()


async def test_a_pipeline_reaches_the_ledger_and_leaves_it(account, place, ledger_server, tmp_path):
    wire = await operating.wire_to(place.kubeconfig, Metrics())
    op: Any = operating.Running(wire, None, None, None)
    ledger = await Ledger.connect(
        ledger_server.operator_url, role="operator", min_size=1, max_size=2
    )
    log = tmp_path / "operator.log"
    url = ledger_server.operator_url
    async with process(account, url, log) as operator:
        await operator.until_ready()
        await op.apply(place.tenant())
        await op.apply(place.provider())
        await op.apply(place.pipeline())
        await op.until_condition(place.pipeline_path, "Accepted", "True")

        record = await op.until(
            "the ledger knows it", lambda: ledger.pipeline(place.namespace, "essay")
        )
        body = await op.get(place.pipeline_path)
        assert record.uid == body["metadata"]["uid"]
        assert record.digest == body["status"]["digest"]
        assert await ledger.tenant_of(place.namespace) == place.namespace
        assert (await ledger.provider(place.namespace)).name == place.namespace
        pools = [one for one in await ledger.pools() if one.pipeline_uid == record.uid]
        assert [(one.pool, one.held) for one in pools] == [("writers", False)]

        await op.apply(place.pipeline(stopPolicy="Hold"))
        await op.until_condition(place.pipeline_path, "Paused", "True")

        async def held() -> bool:
            pools = [one for one in await ledger.pools() if one.pipeline_uid == record.uid]
            return pools[0].held

        await op.until("the ledger holds it", held)

        figures = (await operator.ask("/metrics")).text
        assert 'headrace_operator_objects{kind="AgentPipeline"} 1.0' in figures
        assert "headrace_operator_leading 1.0" in figures

        await op.delete(place.pipeline_path)

        async def gone() -> bool:
            return record.uid not in {uid for _, uid in await ledger.pipeline_uids()}

        await op.until("the ledger has forgotten it", gone)
        await remove(wire, operating.path_of(place.tenant()))
        assert await operator.leave() == 0
    assert "Traceback" not in log.read_text()
    assert "forbidden" not in log.read_text()
    lease = await wire.get(
        f"/apis/coordination.k8s.io/v1/namespaces/{SYSTEM}/leases/headrace-operator"
    )
    assert lease["spec"].get("holderIdentity", "") == ""
    await ledger.close()
    await wire.close()


async def test_rows_whose_object_is_gone_are_removed_by_the_next_operator(
    account, place, ledger_server, tmp_path
):
    wire = await operating.wire_to(place.kubeconfig, Metrics())
    op: Any = operating.Running(wire, None, None, None)
    ledger = await Ledger.connect(
        ledger_server.operator_url, role="operator", min_size=1, max_size=2
    )
    url = ledger_server.operator_url
    async with process(account, url, tmp_path / "first.log") as operator:
        await operator.until_ready()
        await op.apply(place.tenant())
        await op.apply(place.provider())
        await op.apply(place.pipeline())
        await op.until_condition(place.pipeline_path, "Accepted", "True")
    uid = (await op.get(place.pipeline_path))["metadata"]["uid"]
    await remove(wire, place.pipeline_path)  # its finalizer is torn off while nobody looks
    assert uid in {each for _, each in await ledger.pipeline_uids()}

    changes = {"HEADRACE_RESYNC_SECONDS": "1"}
    async with process(account, url, tmp_path / "second.log", **changes):

        async def gone() -> bool:
            return uid not in {each for _, each in await ledger.pipeline_uids()}

        await op.until("the resync removed the rows", gone)
    await ledger.close()
    await wire.close()


async def test_at_rest_it_writes_its_lease_and_nothing_else(
    apiserver, account, place, ledger_server, tmp_path
):
    """Ten idle minutes a hundred times faster: what it writes is told by the API server's audit."""
    wire = await operating.wire_to(place.kubeconfig, Metrics())
    op: Any = operating.Running(wire, None, None, None)

    def asked(verbs: set[str]) -> list[tuple[str, str]]:
        events = apiserver.asked(SYSTEM, "headrace-operator")
        told = [(one["verb"], one["objectRef"]["resource"]) for one in events if "objectRef" in one]
        return [one for one in told if one[0] in verbs]

    async def renewed(times: int) -> None:
        enough = asked(WRITING).count(RENEWAL) + times

        async def done() -> bool:
            return asked(WRITING).count(RENEWAL) >= enough

        await op.until("the Lease is renewed", done, 60)

    async def settled() -> bool:
        before = [one for one in asked(WRITING) if one != RENEWAL]
        await renewed(6)
        return [one for one in asked(WRITING) if one != RENEWAL] == before

    often = {"LEASE": "1", "RESYNC": "3", "COUNTS": "0.05", "KEDA": "0.2"}
    changes = {f"HEADRACE_{name}_SECONDS": value for name, value in often.items()}
    url = ledger_server.operator_url
    async with process(account, url, tmp_path / "log", **changes) as operator:
        await operator.until_ready()
        for body in (place.tenant(), place.provider(), place.pipeline()):
            await op.apply(body)
        await op.until_condition(place.pipeline_path, "Accepted", "True")
        await op.until("it comes to rest", settled, 60)
        writes, lists = len(asked(WRITING)), asked({"list"}).count(LISTING)
        await renewed(20)
        assert set(asked(WRITING)[writes:]) == {RENEWAL}
        assert asked({"list"}).count(LISTING) >= lists + 2  # it was awake: it compared everything
    await wire.close()


async def test_settings_that_cannot_be_used_end_it_at_once(account, tmp_path):
    async with process(account, "", tmp_path / "log", HEADRACE_CONCURRENCY="0") as one:
        assert await asyncio.wait_for(one.process.wait(), 20) != 0
    assert "concurrency" in (tmp_path / "log").read_text()


async def test_without_a_ledger_it_starts_and_says_that_it_is_not_ready(account, tmp_path):
    nowhere = "postgresql://headrace:wrong-password@127.0.0.1:1/headrace"
    log = tmp_path / "operator.log"
    async with process(account, nowhere, log) as operator:
        for _ in range(200):
            try:
                answer = await operator.ask("/readyz")
                if "ledger" in answer.text:
                    break
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.05)
        assert answer.status_code == 503
        assert "the ledger has not answered yet" in answer.text
        assert (await operator.ask("/healthz")).status_code == 200
    assert "wrong-password" not in log.read_text()
