"""
B1: AgentPipelines to Ready with five children each, ours beside a plain kopf operator.

Both sides work on a real kube-apiserver and etcd (a fresh pair for each run, on one core) from the
other core. The peer makes the same children with the official client in sync create, update and
delete handlers and writes its status with kopf's `patch`, as kopf's own tutorial does. Ours also
writes the ledger's rows, which the peer has none of. The client-side rate of writes is lifted on
our side for this run; the peer has none. One JSON line per result.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "tests" / "support"), str(ROOT / "hack")]

import operating  # noqa: E402 -- the path above leads to it
from apiserver import ApiServer, serving  # noqa: E402
from headrace_ledger.embedded import EmbeddedLedger  # noqa: E402
from reconcile_fixtures import SCALED_OBJECTS_CRD  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMESPACE = "bench"
PIPELINES = f"{operating.GROUP}/namespaces/{NAMESPACE}/agentpipelines"
WRITES = {"POST", "PATCH", "PUT", "DELETE", "APPLY"}
KINDS = {
    "agentpipelines",
    "serviceaccounts",
    "networkpolicies",
    "configmaps",
    "deployments",
    "scaledobjects",
    "events",
}
PATIENCE = 900.0
TICKS = os.sysconf("SC_CLK_TCK")


def one_run(side: str, count: int) -> dict[str, Any]:
    """Start everything afresh, make all pipelines Ready, and measure."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        os.sched_setaffinity(0, {0})
        server = stack.enter_context(serving(folder))
        server.install(ROOT / "crds")
        server.request("PATCH", _crd_path(), SCALED_OBJECTS_CRD)
        _prepare(server, count)
        ledger = stack.enter_context(EmbeddedLedger()) if side == "headrace" else None
        port = _free_port()
        env = _environment(server, ledger.operator_url if ledger else "", port)
        before, server_before = _writes(server), _server_cpu()
        began = time.monotonic()
        process = stack.enter_context(_started(side, env, folder / f"{side}.log"))
        first, last = _until_ready(server, count, process, folder / f"{side}.log")
        # What is counted twice shows as writes, what is forgotten shows as a missing child.
        _exact(server, count)
        return {
            "bench": "B1",
            "side": side,
            "pipelines": count,
            "seconds_from_start": round(last - began, 2),
            "objects_per_second": round((count - 1) / (last - first), 1),
            "writes_per_pipeline": round((_writes(server) - before) / count, 2),
            "cpu_ms_per_pipeline": round(1000 * _cpu(process.pid) / count, 2),
            "server_cpu_ms_per_pipeline": round(1000 * (_server_cpu() - server_before) / count, 2),
            "rss_mib": round(_rss(process.pid) / 2**20, 1),
        }


def _prepare(server: ApiServer, count: int) -> None:
    server.request("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    server.request("POST", "/api/v1/namespaces", {"metadata": {"name": "headrace-system"}})
    for body in (
        operating.tenant("acme", (NAMESPACE,)),
        operating.provider("acme"),
        *(operating.pipeline(f"essay-{number}", NAMESPACE) for number in range(count)),
    ):
        status, answer = server.request("PATCH", f"{operating.path_of(body)}?fieldManager=b", body)
        assert status in {200, 201}, answer


def _environment(server: ApiServer, ledger_url: str, port: int) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(server.folder),
        "KUBECONFIG": str(server.kubeconfig),
        "PYTHONPATH": f"{ROOT / 'tests' / 'support'}:{ROOT / 'tests' / 'bench'}",
        "HEADRACE_LEDGER_URL": ledger_url,
        "HEADRACE_LISTEN_HOST": "127.0.0.1",
        "HEADRACE_LISTEN_PORT": str(port),
        "HEADRACE_API_WRITES_PER_SECOND": "100000",
        "HEADRACE_API_WRITE_BURST": "100000",
        "HEADRACE_LOG_LEVEL": "WARNING",
    }


@contextlib.contextmanager
def _started(side: str, env: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    words = {
        "headrace": ["-m", "headrace_operator"],
        "plain kopf": ["-m", "kopf", "run", "--all-namespaces", "--standalone", "-m", "b1_peer"],
    }[side]
    with log.open("wb") as out:
        process = subprocess.Popen(
            ["taskset", "-c", "1", sys.executable, *words], env=env, stdout=out, stderr=out
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def _until_ready(
    server: ApiServer, count: int, process: subprocess.Popen[bytes], log: Path
) -> tuple[float, float]:
    """Return when the first and when the last pipeline was Ready."""
    first = 0.0
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        _, answer = server.request("GET", f"{PIPELINES}?resourceVersion=0")
        ready = sum(_is_ready(one) for one in answer["items"])
        now = time.monotonic()
        if ready and not first:
            first = now
        if ready == count:
            return first, now
        asyncio.run(asyncio.sleep(0.25))
    msg = f"not Ready in time:\n{log.read_text()[-3000:]}"
    raise AssertionError(msg)


def _is_ready(body: dict[str, Any]) -> bool:
    conditions = (body.get("status") or {}).get("conditions") or ()
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _exact(server: ApiServer, count: int) -> None:
    for path in (
        "/api/v1/namespaces/bench/configmaps",
        "/apis/networking.k8s.io/v1/namespaces/bench/networkpolicies",
        "/apis/apps/v1/namespaces/bench/deployments",
        "/apis/keda.sh/v1alpha1/namespaces/bench/scaledobjects",
    ):
        _, answer = server.request("GET", f"{path}?labelSelector=headrace.dev/pipeline")
        assert len(answer["items"]) == count, path


def _writes(server: ApiServer) -> float:
    """Count the writes that the API server took, by its own figures."""
    text = server.kubectl("get", "--raw", "/metrics").stdout
    total = 0.0
    for line in text.splitlines():
        if not line.startswith("apiserver_request_total{"):
            continue
        labels = dict(
            part.split("=", 1) for part in line[line.index("{") + 1 : line.index("}")].split(",")
        )
        verb, resource = labels["verb"].strip('"'), labels["resource"].strip('"')
        if verb in WRITES and resource in KINDS:
            total += float(line.rsplit(" ", 1)[1])
    return total


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _server_cpu() -> float:
    """Add up etcd and kube-apiserver, the children of this process."""
    total = 0.0
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, IndexError):
            fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
            words = (folder / "cmdline").read_text()
            if int(fields[1]) == os.getpid() and ("apiserver" in words or "etcd" in words):
                total += _cpu(int(folder.name))
    return total


def _rss(pid: int) -> int:
    text = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in text.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) * 1024


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def _crd_path() -> str:
    root = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    return f"{root}/scaledobjects.keda.sh?fieldManager=bench"


def main() -> None:
    """Alternate both sides, then make the large run; print every result and the ratio."""
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--pipelines", type=int, default=100)
    given.add_argument("--pairs", type=int, default=5)
    given.add_argument("--large", type=int, default=500)
    asked = given.parse_args()
    ratios: list[float] = []
    for _ in range(asked.pairs):
        ours = one_run("headrace", asked.pipelines)
        print(json.dumps(ours), flush=True)
        theirs = one_run("plain kopf", asked.pipelines)
        print(json.dumps(theirs), flush=True)
        ratios.append(ours["objects_per_second"] / theirs["objects_per_second"])
    if ratios:
        spread = [round(min(ratios), 2), round(max(ratios), 2)]
        median = round(statistics.median(ratios), 2)
        print(json.dumps({"bench": "B1", "ratio": median, "spread": spread}), flush=True)
    if asked.large:
        for side in ("headrace", "plain kopf"):
            print(json.dumps(one_run(side, asked.large)), flush=True)


if __name__ == "__main__":
    main()
