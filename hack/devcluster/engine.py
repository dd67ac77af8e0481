"""
What runs the nodes: Docker or Podman with published images, or our own Podman with our own.

The published way could not be tried on the machine on which this was written, since no image
registry answers there; it is kept as plain as kind's own documentation for that reason.
"""

import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from devcluster import debian, node_image, places, podman, progress, shell, versions
from devcluster.errors import DevclusterError

_RECORD: Final = places.STATE / "engine"
_OWN: Final = "own"
_OWN_FOLDER: Final = places.STATE / "podman"
_PATIENCE = 20.0
"""Seconds: a registry that cannot be reached sometimes says nothing at all."""


@dataclass(frozen=True, slots=True)
class Engine:
    """A container program, and what is in the environment of it and of kind."""

    name: str
    program: str
    node_image: str
    env: Mapping[str, str] = field(default_factory=dict)

    @property
    def own(self) -> bool:
        """Say whether images are ours, so that the network must be ours as well."""
        return self.name == _OWN

    def run(self, *arguments: str | Path, stdin: str | None = None) -> str:
        """Run the container program itself."""
        return shell.run([self.program, *arguments], env=self.env, stdin=stdin)

    def inside(self, node: str, command: Sequence[str], stdin: str | None = None) -> str:
        """Run a command in a node."""
        return self.run("exec", "--interactive", node, *command, stdin=stdin)

    def nodes(self) -> list[str]:
        """Return the names of the nodes."""
        return self.kubectl("get", "nodes", "--output=jsonpath={.items[*].metadata.name}").split()

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Run the control plane's kubectl as administrator, so that the machine needs none."""
        return self.inside(places.CONTROL_PLANE, ["kubectl", *arguments], stdin)


def recorded() -> Engine | None:
    """Return the engine of this checkout's cluster, or nothing where there is no cluster."""
    return _engine(_RECORD.read_text().strip()) if _RECORD.exists() else None


def choose() -> Engine:
    """Return this checkout's engine, or the first that can have a node image, and record it."""
    if known := recorded():
        return known
    name = os.environ.get("HEADRACE_ENGINE") or _find()
    chosen = _engine(name)
    places.STATE.mkdir(exist_ok=True)
    _RECORD.write_text(name)
    return chosen


def forget() -> None:
    """Remove what our own Podman kept for this checkout, and the record of the choice."""
    for folder in (_OWN_FOLDER, podman.volatile(_OWN_FOLDER)):
        shutil.rmtree(folder, ignore_errors=True)
    _RECORD.unlink(missing_ok=True)


def _find() -> str:
    with progress.step("looking for an image registry"):
        for program in ("docker", "podman"):
            if shutil.which(program) and _reaches_registry(program):
                return program
    debian.require_root_on_debian()
    return _OWN


def _reaches_registry(program: str) -> bool:
    """Ask for the node image's manifest, without leaving storage behind on the machine."""
    inspect = ["manifest", "inspect", versions.PUBLISHED_NODE]
    if program == "docker":
        return shell.succeeds(["docker", "info"], seconds=_PATIENCE) and shell.succeeds(
            ["docker", *inspect], seconds=_PATIENCE
        )
    with tempfile.TemporaryDirectory() as folder:
        settings = Path(folder, "containers.conf")
        settings.write_text(f'[network]\nnetwork_config_dir = "{folder}/networks"\n')
        apart = ["--root", f"{folder}/root", "--runroot", f"{folder}/run", "--storage-driver=vfs"]
        return shell.succeeds(
            ["podman", *apart, *inspect],
            env={"CONTAINERS_CONF": str(settings)},
            seconds=_PATIENCE,
        )


def _engine(name: str) -> Engine:
    if name == _OWN:
        env = podman.environment(_OWN_FOLDER, image_stores=[node_image.store()])
        return Engine(name, "podman", node_image.NAME, env)
    if name not in {"docker", "podman"}:
        message = f"HEADRACE_ENGINE must be one of 'docker', 'podman' and '{_OWN}', not '{name}'"
        raise DevclusterError(message)
    return Engine(name, name, versions.PUBLISHED_NODE, {"KIND_EXPERIMENTAL_PROVIDER": name})
