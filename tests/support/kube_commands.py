"""The commands of the programs that make an API server, for the tests' own."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from certificates import rsa_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from certificates import Authority

ISSUER: Final = "https://kubernetes.default.svc.cluster.local"
MASTERS: Final = "system:masters"
ACCOUNTS: Final = "system:serviceaccounts"
AUDIT_LOG: Final = "audit.log"


def program(name: str) -> list[str]:
    """Return the command of one program: from KUBEBUILDER_ASSETS, else from our own build."""
    given = Path(os.environ.get("KUBEBUILDER_ASSETS", "/nowhere")) / name
    if given.exists():  # a set of assets need not have the controller-manager
        return [str(given)]
    from devcluster.programs import kube_binary  # noqa: PLC0415 -- not needed beside given assets

    return [str(kube_binary()), name]


def etcd(folder: Path, client: int, peer: int) -> list[str]:
    return [
        *program("etcd"),
        f"--data-dir={folder / 'etcd'}",
        f"--listen-client-urls=http://127.0.0.1:{client}",
        f"--advertise-client-urls=http://127.0.0.1:{client}",
        f"--listen-peer-urls=http://127.0.0.1:{peer}",
        f"--initial-advertise-peer-urls=http://127.0.0.1:{peer}",
        f"--initial-cluster=default=http://127.0.0.1:{peer}",
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]


def api_server(folder: Path, authority: Authority, token: str, ports: tuple[int, int]) -> list[str]:
    """Return the command of an API server that knows one administrator's token."""
    store, port = ports
    serving_pair = authority.server("kube-apiserver")
    signing = rsa_key(folder / "service-accounts.key")
    tokens = folder / "tokens.csv"
    tokens.write_text(f'{token},admin-token,admin-token,"{MASTERS}"\n')
    return [
        *program("kube-apiserver"),
        f"--etcd-servers=http://127.0.0.1:{store}",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        "--advertise-address=192.0.2.1",  # loopback is refused, and nobody dials this one
        "--endpoint-reconciler-type=none",
        f"--client-ca-file={authority.pair.certificate}",
        f"--tls-cert-file={serving_pair.certificate}",
        f"--tls-private-key-file={serving_pair.key}",
        f"--token-auth-file={tokens}",
        "--authorization-mode=Node,RBAC",
        f"--service-account-issuer={ISSUER}",
        f"--service-account-key-file={signing}",
        f"--service-account-signing-key-file={signing}",
        "--service-cluster-ip-range=10.96.0.0/16",
        f"--cert-dir={folder}",
        f"--audit-policy-file={_audit_policy(folder)}",
        f"--audit-log-path={folder / AUDIT_LOG}",
    ]


def _audit_policy(folder: Path) -> Path:
    """Record what ServiceAccounts ask for, and how they were answered."""
    rules = [{"level": "Metadata", "userGroups": [ACCOUNTS]}, {"level": "None"}]
    policy = {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": rules,
    }
    path = folder / "audit.json"
    path.write_text(json.dumps(policy))
    return path


def controller_manager(folder: Path, kubeconfig: Path, controllers: Sequence[str]) -> list[str]:
    return [
        *program("kube-controller-manager"),
        f"--kubeconfig={kubeconfig}",
        f"--controllers={','.join(controllers)}",
        f"--service-account-private-key-file={folder / 'service-accounts.key'}",
        "--leader-elect=false",
        "--secure-port=0",
    ]
