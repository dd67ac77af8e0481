"""
A real kube-apiserver with its etcd, two processes on loopback, ready in about three seconds.

Nothing runs pods. With `controllers` a controller-manager is started too, for garbage collection,
namespaces that end, or Deployments that make ReplicaSets.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import socket
import ssl
import subprocess
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import kube_commands
from certificates import Authority, Pair
from kube_commands import ACCOUNTS, AUDIT_LOG, MASTERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

T = TypeVar("T")
CONTROLLERS: Final = (
    "clusterrole-aggregation-controller",
    "garbage-collector-controller",
    "namespace-controller",
)
"""Controllers that make deletions and roles complete; none of them makes pods."""
# Where Linux can: what we started ends with us, even if we are killed.
LEASH: Final = ["setpriv", "--pdeathsig", "TERM", "--"] if shutil.which("setpriv") else []
_DEADLINE_SECONDS: Final = 90.0


class ApiServerError(Exception):
    """A process of the API server ended or did not become ready; the message has its last words."""


@dataclass(frozen=True, slots=True)
class ApiServer:
    """Where it is and how its administrator gets in."""

    url: str
    ca: Path
    token: str
    client: Pair
    kubeconfig: Path
    folder: Path
    authority: Authority

    def kubeconfig_for(self, user: str, groups: Sequence[str] = ()) -> Path:
        """Write a kubeconfig of somebody else, who may do what RBAC says."""
        pair = self.authority.user(user, groups)
        return _kubeconfig(self.folder, user, self.url, self.ca, pair)

    def kubeconfig_of_account(self, namespace: str, name: str) -> Path:
        """Write a kubeconfig of a ServiceAccount; what it asks for is recorded."""
        groups = [ACCOUNTS, f"{ACCOUNTS}:{namespace}", "system:authenticated"]
        return self.kubeconfig_for(f"system:serviceaccount:{namespace}:{name}", groups)

    def asked(self, namespace: str, name: str) -> list[dict[str, Any]]:
        """Return the audit events of a ServiceAccount, in the order in which they were answered."""
        user = f"system:serviceaccount:{namespace}:{name}"
        lines = (self.folder / AUDIT_LOG).read_text().splitlines()
        events = [json.loads(line) for line in lines if user in line]
        return [event for event in events if event["user"]["username"] == user]

    def kubectl(self, *args: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run kubectl as the administrator; the caller judges how it ended."""
        return subprocess.run(
            [*kube_commands.program("kubectl"), f"--kubeconfig={self.kubeconfig}", *args],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env={**os.environ, "HOME": str(self.folder)},  # its discovery cache stays with us
        )

    def install(self, crds: Path) -> None:
        """Apply the CRDs of a folder and wait until they are served."""
        for words in (
            ["apply", "--server-side", "--force-conflicts", f"--filename={crds}"],
            ["wait", "--for=condition=Established", "--timeout=60s", f"--filename={crds}"],
        ):
            done = self.kubectl(*words)
            if done.returncode:
                raise ApiServerError(done.stderr)

    def apply(self, *objects: dict[str, Any]) -> str:
        """Apply objects in one go, strictly; return what kubectl warned of, if anything."""
        every = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
        words = ("apply", "--server-side", "--force-conflicts", "--validate=strict", "-f", "-")
        done = self.kubectl(*words, stdin=every)
        if done.returncode:
            raise ApiServerError(done.stderr)
        return done.stderr

    def request(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Send one request as the administrator; an apply patch if it is a PATCH."""
        kind = "application/apply-patch+yaml" if method == "PATCH" else "application/json"
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": kind},
        )
        context = ssl.create_default_context(cafile=str(self.ca))
        try:
            with urllib.request.urlopen(request, context=context, timeout=30) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as refused:
            with refused:
                words = refused.read()
            is_json = refused.headers.get_content_type() == "application/json"
            return refused.code, json.loads(words) if is_json else {"message": words.decode()}


def until(condition: Callable[[], T], seconds: float = 30.0) -> T:
    """Wait for what a server does a moment later; give what the condition gave."""
    end = time.monotonic() + seconds
    while not (seen := condition()):
        if time.monotonic() > end:
            msg = f"the condition did not come true within {seconds:g} s"
            raise TimeoutError(msg)
        threading.Event().wait(0.05)
    return seen


@contextlib.contextmanager
def serving(folder: Path, *, controllers: Sequence[str] = ()) -> Iterator[ApiServer]:
    """Start etcd, the API server and perhaps controllers; end them all, by their own ids."""
    etcd, peer, port = _free_ports(3)
    authority = Authority(folder)
    server = _described(folder, authority, port)
    commands = {
        "etcd": kube_commands.etcd(folder, etcd, peer),
        "kube-apiserver": kube_commands.api_server(folder, authority, server.token, (etcd, port)),
    }
    with contextlib.ExitStack() as stack:
        running = {n: stack.enter_context(_process(folder, n, c)) for n, c in commands.items()}
        _wait_until_ready(server, running)
        if controllers:
            command = kube_commands.controller_manager(folder, server.kubeconfig, controllers)
            stack.enter_context(_process(folder, "kube-controller-manager", command))
        yield server


def _described(folder: Path, authority: Authority, port: int) -> ApiServer:
    url = f"https://127.0.0.1:{port}"
    ca = authority.pair.certificate
    client = authority.user("admin", [MASTERS])
    config = _kubeconfig(folder, "admin", url, ca, client)
    return ApiServer(url, ca, secrets.token_hex(16), client, config, folder, authority)


@contextlib.contextmanager
def _process(folder: Path, name: str, command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen([*LEASH, *command], stdout=log, stderr=log, cwd=folder)
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_until_ready(server: ApiServer, running: dict[str, subprocess.Popen[bytes]]) -> None:
    end = time.monotonic() + _DEADLINE_SECONDS
    while not _is_ready(server):
        late = time.monotonic() > end
        for name, process in running.items():
            if late or process.poll() is not None:
                words = (server.folder / f"{name}.log").read_text()[-2000:]
                msg = f"{name} ended or is not ready in time:\n{words}"
                raise ApiServerError(msg)
        threading.Event().wait(0.05)


def _is_ready(server: ApiServer) -> bool:
    """Tell whether it serves, and has the namespace that everything else expects."""
    try:
        return server.request("GET", "/api/v1/namespaces/default")[0] == 200
    except (OSError, ValueError):
        return False


def _kubeconfig(folder: Path, user: str, url: str, ca: Path, pair: Pair) -> Path:
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "tests",
        "clusters": [
            {"name": "tests", "cluster": {"server": url, "certificate-authority": str(ca)}}
        ],
        "users": [
            {
                "name": user,
                "user": {
                    "client-certificate": str(pair.certificate),
                    "client-key": str(pair.key),
                },
            }
        ],
        "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": user}}],
    }
    path = folder / f"{pair.certificate.stem}.kubeconfig"
    path.write_text(json.dumps(config))
    return path


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
