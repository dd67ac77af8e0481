"""The gateway of the development cluster as a client sees it: a port, a key, runs."""

from __future__ import annotations

import re
import subprocess
import threading
from typing import TYPE_CHECKING, Any, Self

import httpx2 as httpx

from headrace_contract.names import ADMIN_SERVICE_ACCOUNT, SYSTEM_NAMESPACE, TOKEN_AUDIENCE

if TYPE_CHECKING:
    from types import TracebackType

    from harness.kubectl import Kubectl

_FORWARDING = re.compile(r"127\.0\.0\.1:(\d+)")


class PortForward:
    """`kubectl port-forward` to a Service; it follows a pod that is replaced by starting again."""

    def __init__(self, kubectl: Kubectl, service: str, port: int, namespace: str) -> None:
        self._command = kubectl.command(
            "-n", namespace, "port-forward", f"svc/{service}", f":{port}"
        )
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()
        self._port = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    @property
    def url(self) -> str:
        """Return the address on this machine; raise ConnectionError while no pod answers."""
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self._start()
            return f"http://127.0.0.1:{self._port}"

    def again(self) -> None:
        """Forget the pod that was forwarded to: it no longer answers."""
        with self._lock:
            self._stop()

    def _start(self) -> None:
        self._stop()
        process = subprocess.Popen(
            self._command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self._process = process
        line = process.stdout.readline() if process.stdout else ""
        found = _FORWARDING.search(line)
        if not found:
            self._stop()
            message = "no pod of the Service answers yet"
            raise ConnectionError(message)
        self._port = int(found.group(1))
        # What it prints later must go somewhere, or it stops at a full pipe.
        threading.Thread(target=lambda: [None for _ in process.stdout or ()], daemon=True).start()

    def _stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            if self._process.stdout:
                self._process.stdout.close()
            self._process = None


class Door:
    """A client of the gateway with one key."""

    def __init__(self, forward: PortForward, key: str) -> None:
        self._forward = forward
        self._http = httpx.Client(headers={"Authorization": f"Bearer {key}"}, timeout=40)

    def close(self) -> None:
        self._http.close()

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Ask; raise ConnectionError when nobody is there, and find the next pod next time."""
        try:
            return self._http.request(method, self._forward.url + path, **options)
        except httpx.TransportError as exc:
            self._forward.again()
            message = f"{method} {path}: {exc!r}"
            raise ConnectionError(message) from exc

    def submit(
        self, namespace: str, pipeline: str, value: Any, *, idempotency_key: str | None = None
    ) -> httpx.Response:
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        path = f"/v1/namespaces/{namespace}/pipelines/{pipeline}/runs"
        return self.request("POST", path, json=value, headers=headers)

    def run(self, namespace: str, pipeline: str, run: str) -> dict[str, Any]:
        """Return a run; raise ConnectionError also while the gateway cannot reach the ledger."""
        path = f"/v1/namespaces/{namespace}/pipelines/{pipeline}/runs/{run}"
        answer = self.request("GET", path)
        if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:
            message = f"the ledger is away: {answer.text}"
            raise ConnectionError(message)
        found: dict[str, Any] = answer.raise_for_status().json()
        return found


def admin_token(kubectl: Kubectl) -> str:
    """Return a short-lived token of the account that may make the first API keys."""
    return kubectl.run(
        *("-n", SYSTEM_NAMESPACE, "create", "token", ADMIN_SERVICE_ACCOUNT),
        *("--audience", TOKEN_AUDIENCE, "--duration", "1h"),
    ).strip()
