"""Install the chart on the development cluster with an evaluation database, as `make up` does."""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path
from typing import Final

import yaml

from devcluster import places, programs, progress, shell
from devcluster.errors import DevclusterError
from harness.kubectl import Kubectl, KubectlError
from headrace_contract.names import SYSTEM_NAMESPACE

CHART: Final = Path(__file__).resolve().parents[1] / "charts" / "headrace"
RELEASE: Final = "headrace"
SECRET: Final = "headrace-database"  # noqa: S105 -- the name of a Secret
DATABASE: Final = "headrace-evaluation-database"
VALUES: Final = {
    "images": {"prefix": "localhost/headrace/", "tag": "dev"},
    "evaluation": {
        "enabled": True,
        "hostPath": "/var/lib/headrace-eval",
        "nodeSelector": {"kubernetes.io/hostname": f"{places.CLUSTER}-worker"},
    },
    "gateway": {"replicas": 1, "terminationGracePeriodSeconds": 30},
}


def ensure_secret(kubectl: Kubectl) -> None:
    """Make the evaluation database's addresses once; the chart itself never makes a password."""
    kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SYSTEM_NAMESPACE}})
    if kubectl.get("secret", SECRET, SYSTEM_NAMESPACE):
        return
    urls = {
        role: f"postgresql://headrace_{role}_login:{secrets.token_hex(24)}@{DATABASE}:5432/headrace"
        for role in ("owner", "gateway", "operator")
    }
    kubectl.apply(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": SECRET, "namespace": SYSTEM_NAMESPACE},
            "stringData": urls,
        }
    )


def helm(*arguments: str, values: dict[str, object]) -> None:
    shell.run(
        [programs.helm_binary(), *arguments, "--values=-"],
        env={**os.environ, "KUBECONFIG": str(places.KUBECONFIG)},
        stdin=yaml.safe_dump(values),
    )


def settle(kubectl: Kubectl) -> None:
    """Start new pods where an image changed under its one tag, and wait until all is rolled out."""
    for part in ("operator", "gateway"):
        deployment = f"deployment/headrace-{part}"
        loaded = places.STATE / "loaded" / part
        running = places.STATE / "running" / part
        content = loaded.read_text() if loaded.exists() else ""
        if running.exists() and running.read_text() != content:
            kubectl.run("-n", SYSTEM_NAMESPACE, "rollout", "restart", deployment)
        kubectl.run("-n", SYSTEM_NAMESPACE, "rollout", "status", deployment, "--timeout=180s")
        running.parent.mkdir(exist_ok=True)
        running.write_text(content)


def main() -> int:
    kubectl = Kubectl.for_devcluster()
    try:
        with progress.step("installing headrace with Helm"):
            ensure_secret(kubectl)
            helm(
                *("upgrade", RELEASE, str(CHART), "--install", "--namespace", SYSTEM_NAMESPACE),
                values=VALUES,
            )
        with progress.step("waiting for database, migration, gateway and operator"):
            settle(kubectl)
    except (DevclusterError, KubectlError) as exc:
        print(f"install: {exc}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
