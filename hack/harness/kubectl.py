"""kubectl on the development cluster and on no other, for the installer, the demo and tests."""

from __future__ import annotations

import json
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from devcluster import places, programs
from devcluster.shell import until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Object = dict[str, Any]


class KubectlError(Exception):
    """What kubectl said when it failed."""


@dataclass(frozen=True, slots=True)
class Kubectl:
    """One kubeconfig, and the kubectl of the cluster's own version."""

    kube: Path
    kubeconfig: Path

    @classmethod
    def for_devcluster(cls) -> Kubectl:
        """Speak to the development cluster only, whatever the user's current context is."""
        return cls(programs.kube_binary(), places.KUBECONFIG)

    def command(self, *args: str) -> list[str]:
        return [str(self.kube), "kubectl", "--kubeconfig", str(self.kubeconfig), *args]

    def run(self, *args: str, stdin: str | None = None) -> str:
        """Return what kubectl printed; raise KubectlError with its words."""
        done = subprocess.run(
            self.command(*args), input=stdin, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise KubectlError(done.stderr.strip())
        return done.stdout

    def apply(self, *manifests: Object) -> None:
        """Apply server-side, as a user who owns these fields."""
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(manifests)})
        self.run("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=text)

    def apply_files(self, *paths: Path) -> None:
        files = [part for path in paths for part in ("-f", str(path))]
        self.run("apply", "--server-side", *files)

    def get(self, kind: str, name: str, namespace: str = "") -> Object | None:
        """Return the object, or None if there is none."""
        where = ["-n", namespace] if namespace else []
        found = self.run("get", kind, name, *where, "--ignore-not-found", "-o", "json")
        return json.loads(found) if found.strip() else None

    def list(self, kind: str, namespace: str = "", selector: str = "") -> list[Object]:
        where = ["-n", namespace] if namespace else ["-A"]
        which = ["-l", selector] if selector else []
        items: list[Object] = json.loads(self.run("get", kind, *where, *which, "-o", "json"))[
            "items"
        ]
        return items

    def delete(self, kind: str, name: str, namespace: str = "", *, wait: bool = False) -> None:
        where = ["-n", namespace] if namespace else []
        self.run("delete", kind, name, *where, "--ignore-not-found", f"--wait={wait}".lower())

    def condition(self, kind: str, name: str, namespace: str, of: str) -> Object:
        """Return one condition of an object, or an empty one."""
        seen = self.get(kind, name, namespace) or {}
        conditions = seen.get("status", {}).get("conditions", [])
        return next((c for c in conditions if c["type"] == of), {})


def wait(what: str, ready: Callable[[], bool], seconds: float = 60) -> float:
    """Wait for a condition; return the seconds that it took."""
    began = time.monotonic()
    until(what, seconds, ready)
    return time.monotonic() - began
