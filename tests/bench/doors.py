"""One gateway as its pod runs it: a process of its own, its role, its identity, its ports."""

from __future__ import annotations

import contextlib
import json
import sys
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from processes import Process, free_port, listens, started

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests" / "support"))

from cluster import Cluster, serving_cluster  # noqa: E402 -- the path above leads to it
from headrace_contract.names import ADMIN_SERVICE_ACCOUNT, SYSTEM_NAMESPACE  # noqa: E402 -- above

if TYPE_CHECKING:
    from collections.abc import Iterator

    from headrace_ledger.embedded import EmbeddedLedger


@dataclass(frozen=True, slots=True)
class Door:
    """A gateway that is open, and what a bench needs to come in."""

    process: Process
    cluster: Cluster
    folder: Path
    port: int
    scaler_port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def key(self, tenant: str) -> str:
        """Make an API key that submits and reads, as `headrace keys create` does."""
        asked = {"name": "bench", "scopes": ["submit", "read"], "tenant": tenant}
        admin = self.cluster.token(SYSTEM_NAMESPACE, ADMIN_SERVICE_ACCOUNT)
        return str(self._ask("/v1/keys", asked, admin)["key"])

    def token_file(self, namespace: str, account: str) -> Path:
        """Write a worker's token where its pod would have it."""
        path = self.folder / f"{namespace}-{account}.token"
        path.write_text(self.cluster.token(namespace, account))
        return path

    def _ask(self, path: str, body: dict[str, Any], token: str) -> dict[str, Any]:
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        wanted = urllib.request.Request(self.url + path, json.dumps(body).encode(), headers)
        with urllib.request.urlopen(wanted, timeout=10) as answer:
            found: dict[str, Any] = json.load(answer)
        return found


@contextlib.contextmanager
def gateway(ledger: EmbeddedLedger, folder: Path, **more: str) -> Iterator[Door]:
    """Start `python -m headrace_gateway` and wait until it listens; `more` are its variables."""
    port, metrics, scaler = (free_port() for _ in range(3))
    with serving_cluster(folder) as made:
        env = {
            "HEADRACE_LEDGER_URL": ledger.gateway_url,
            "HEADRACE_HOST": "127.0.0.1",
            "HEADRACE_PORT": str(port),
            "HEADRACE_METRICS_PORT": str(metrics),
            "HEADRACE_SCALER_PORT": str(scaler),
            "HEADRACE_API_SERVER": made.url,
            "HEADRACE_SERVICE_ACCOUNT": str(made.mount),
            "HEADRACE_LINGER_SECONDS": "0",
            **more,
        }
        log = folder / "gateway.log"
        with started([sys.executable, "-m", "headrace_gateway"], env, log) as process:
            process.until(lambda: listens(port) and listens(scaler))
            yield Door(process, made, folder, port, scaler)
