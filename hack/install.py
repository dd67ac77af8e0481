"""Install the chart on the development cluster with an evaluation database, as `make up` does."""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path
from typing import Final

import yaml

from devcluster import cache, places, programs, progress, shell
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


def content() -> str:
    """Return a digest of the images on the nodes: they keep one tag, so this renews their pods."""
    loaded = sorted((places.STATE / "loaded").iterdir())
    return cache.key(*(file.name + file.read_text() for file in loaded if file.suffix != ".blobs"))


def main() -> int:
    kubectl = Kubectl.for_devcluster()
    try:
        with progress.step("installing headrace with Helm"):
            ensure_secret(kubectl)
            helm(
                *("upgrade", RELEASE, str(CHART), "--install", "--namespace", SYSTEM_NAMESPACE),
                values={**VALUES, "podAnnotations": {"headrace.dev/images": content()}},
            )
        with progress.step("waiting for database, migration, gateway and operator"):
            for part in ("operator", "gateway"):
                kubectl.run(
                    *("-n", SYSTEM_NAMESPACE, "rollout", "status", f"deployment/headrace-{part}"),
                    "--timeout=180s",
                )
    except (DevclusterError, KubectlError) as exc:
        print(f"install: {exc}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
