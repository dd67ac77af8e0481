"""Both servers and both operators of B1, and how their work is read off from outside."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.parse
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

ROOT: Final = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "tests" / "support"), str(ROOT / "hack")]

from apiserver import ApiServer, serving  # noqa: E402 -- the path above leads to it
from reconcile_fixtures import SCALED_OBJECTS_CRD  # noqa: E402 -- see above

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TICKS: Final = os.sysconf("SC_CLK_TCK")
WRITES: Final = {"POST", "PATCH", "PUT", "DELETE", "APPLY"}
KINDS: Final = (
    "agentpipelines",
    "serviceaccounts",
    "networkpolicies",
    "configmaps",
    "deployments",
    "scaledobjects",
    "events",
)
SERVER_CORE: Final = 0
OPERATOR_CORE: Final = 1


class Api(Protocol):
    """An API server, fake or real."""

    url: str
    kubeconfig: Path

    def request(self, method: str, path: str, body: object = None) -> tuple[int, Any]: ...
    def writes(self) -> dict[str, float]: ...
    def cpu(self) -> float: ...
    def context(self) -> tuple[ssl.SSLContext | None, dict[str, str]]: ...


@dataclass
class FakeApi:
    """The process of `b1_fake.py`."""

    url: str
    kubeconfig: Path
    pid: int

    def request(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        where = urllib.parse.urlsplit(self.url).netloc
        kind = "application/apply-patch+yaml" if method == "PATCH" else "application/json"
        text = None if body is None else json.dumps(body)
        with contextlib.closing(http.client.HTTPConnection(where)) as connection:
            connection.request(method, path, text, {"Content-Type": kind})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())

    def writes(self) -> dict[str, float]:
        return dict(self.request("GET", "/figures")[1]["writes"])

    def cpu(self) -> float:
        return cpu_of(self.pid)

    def context(self) -> tuple[ssl.SSLContext | None, dict[str, str]]:
        return None, {}


@dataclass
class RealApi:
    """A kube-apiserver with its etcd."""

    server: ApiServer

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def kubeconfig(self) -> Path:
        return self.server.kubeconfig

    def request(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        return self.server.request(method, path, body)

    def writes(self) -> dict[str, float]:
        """Count the writes that it took, by its own figures."""
        found: dict[str, float] = {}
        for line in self.server.kubectl("get", "--raw", "/metrics").stdout.splitlines():
            if not line.startswith("apiserver_request_total{"):
                continue
            inner = line[line.index("{") + 1 : line.index("}")]
            labels = {k: v.strip('"') for k, v in (one.split("=", 1) for one in inner.split(","))}
            if labels["verb"] in WRITES:
                plural = labels["resource"]
                found[plural] = found.get(plural, 0.0) + float(line.rsplit(" ", 1)[1])
        return found

    def cpu(self) -> float:
        """Add up etcd and kube-apiserver, the children of this process."""
        total = 0.0
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError, IndexError):
                fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
                words = (folder / "cmdline").read_text()
                if int(fields[1]) == os.getpid() and ("apiserver" in words or "etcd" in words):
                    total += cpu_of(int(folder.name))
        return total

    def context(self) -> tuple[ssl.SSLContext | None, dict[str, str]]:
        context = ssl.create_default_context(cafile=str(self.server.ca))
        return context, {"Authorization": f"Bearer {self.server.token}"}


@contextlib.contextmanager
def fake_api(folder: Path, write_ms: float) -> Iterator[FakeApi]:
    """Run the fake on the servers' core."""
    words = [Path(__file__).with_name("b1_fake.py"), "--write-ms", str(write_ms)]
    process = subprocess.Popen(
        ["taskset", "-c", str(SERVER_CORE), sys.executable, *words], stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        url = f"http://127.0.0.1:{int(process.stdout.readline())}"
        kubeconfig = folder / "fake.kubeconfig"
        kubeconfig.write_text(json.dumps(_kubeconfig(url)))
        yield FakeApi(url, kubeconfig, process.pid)
    finally:
        process.kill()
        process.communicate()


@contextlib.contextmanager
def real_api(folder: Path) -> Iterator[RealApi]:
    """Run a kube-apiserver with etcd on the servers' core, our CRDs and KEDA's in it."""
    os.sched_setaffinity(0, {SERVER_CORE})
    with serving(folder) as server:
        server.install(ROOT / "crds")
        crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
        path = f"{crds}/scaledobjects.keda.sh?fieldManager=bench"
        server.request("PATCH", path, SCALED_OBJECTS_CRD)
        yield RealApi(server)


@dataclass
class Operator:
    """The process of one side's operator."""

    pid: int
    port: int

    def passes(self) -> float:
        """Count our passes over pipelines, by our own metric."""
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port)) as connection:
            connection.request("GET", "/metrics")
            text = connection.getresponse().read().decode()
        name = 'headrace_operator_reconcile_seconds_count{kind="AgentPipeline"} '
        return next(float(one.removeprefix(name)) for one in text.split("\n") if name in one)


@contextlib.contextmanager
def operator(side: str, api: Api, ledger_url: str, log: Path) -> Iterator[Operator]:
    """Run one side's operator alone on its core."""
    port = _free_port()
    words = {
        "headrace": ["-m", "headrace_operator"],
        "plain kopf": ["-m", "kopf", "run", "--all-namespaces", "--standalone", "-m", "b1_peer"],
    }[side]
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(log.parent),
        "KUBECONFIG": str(api.kubeconfig),
        "PYTHONPATH": f"{ROOT / 'tests' / 'support'}:{Path(__file__).parent}",
        "HEADRACE_LEDGER_URL": ledger_url,
        "HEADRACE_LISTEN_HOST": "127.0.0.1",
        "HEADRACE_LISTEN_PORT": str(port),
        "HEADRACE_API_WRITES_PER_SECOND": "100000",
        "HEADRACE_API_WRITE_BURST": "100000",
        "HEADRACE_LOG_LEVEL": "WARNING",
    }
    with log.open("wb") as out:
        process = subprocess.Popen(
            ["taskset", "-c", str(OPERATOR_CORE), sys.executable, *words],
            env=env,
            stdout=out,
            stderr=out,
        )
        try:
            yield Operator(process.pid, port)
        finally:
            process.kill()
            process.wait()


@dataclass
class Progress:
    """When an operator wrote first, and when the last pipeline was Ready, seen by a watch."""

    count: int
    mark: Callable[[], tuple[float, ...]]
    """Read clocks; called when the first write is seen and when the last pipeline is Ready."""
    first: tuple[float, ...] = ()
    last: tuple[float, ...] = ()
    ready: set[str] = field(default_factory=set)
    done: threading.Event = field(default_factory=threading.Event)

    def follow(self, api: Api, path: str) -> None:
        """Read the watch of all pipelines; the list before it has none that is Ready."""
        _, listed = api.request("GET", path)
        version = listed["metadata"]["resourceVersion"]
        context, headers = api.context()
        where = urllib.parse.urlsplit(api.url).netloc
        connection: Any = (
            http.client.HTTPSConnection(where, context=context)
            if context
            else http.client.HTTPConnection(where)
        )
        connection.request("GET", f"{path}?watch=true&resourceVersion={version}", headers=headers)
        threading.Thread(target=self._read, args=(connection.getresponse(),), daemon=True).start()

    def _read(self, stream: Any) -> None:
        for line in stream:
            self.first = self.first or self.mark()
            body = json.loads(line)["object"]
            conditions = (body.get("status") or {}).get("conditions") or ()
            if any(one["type"] == "Ready" and one["status"] == "True" for one in conditions):
                self.ready.add(body["metadata"]["name"])
                if len(self.ready) == self.count:
                    self.last = self.mark()
                    self.done.set()
                    return


def cpu_of(pid: int) -> float:
    """Seconds of CPU time, all threads of a process together."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def rss_of(pid: int) -> float:
    """MiB in memory."""
    text = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in text.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def monotonic() -> float:
    return time.monotonic()


def _kubeconfig(url: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "fake",
        "clusters": [{"name": "fake", "cluster": {"server": url}}],
        "users": [{"name": "fake", "user": {}}],
        "contexts": [{"name": "fake", "context": {"cluster": "fake", "user": "fake"}}],
    }


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
