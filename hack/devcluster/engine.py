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
OWN: Final = "own"
_MACHINES: Final = ("docker", "podman")
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
        return self.name == OWN

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
    if not _RECORD.exists():
        return None
    name, *stores = _RECORD.read_text().splitlines()
    return _engine(name, [Path(store) for store in stores])


def find() -> str:
    """Return the name of the engine to use: the recorded one, the wanted one, or the first."""
    if known := recorded():
        return known.name
    name = os.environ.get("HEADRACE_ENGINE") or _probe()
    if name not in {*_MACHINES, OWN}:
        wanted = ", ".join(f"'{each}'" for each in (*_MACHINES, OWN))
        message = f"HEADRACE_ENGINE must be one of {wanted}, not '{name}'"
        raise DevclusterError(message)
    return name


def start(name: str) -> Engine:
    """
    Return an engine for a new cluster, and record it with its image store.

    A cluster stays with what it was made from, even where today's node image would be another.
    """
    stores = [node_image.store()] if name == OWN else []
    places.STATE.mkdir(exist_ok=True)
    _RECORD.write_text("\n".join([name, *(str(store) for store in stores)]))
    return _engine(name, stores)


def forget() -> None:
    """Remove what our own Podman kept for this checkout, and the record of the choice."""
    for folder in (_OWN_FOLDER, podman.volatile(_OWN_FOLDER)):
        shutil.rmtree(folder, ignore_errors=True)
    _RECORD.unlink(missing_ok=True)


def _probe() -> str:
    with progress.step("looking for an image registry"):
        for program in _MACHINES:
            if shutil.which(program) and _reaches_registry(program):
                return program
    debian.require_root_on_debian()
    return OWN


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


def _engine(name: str, stores: Sequence[Path]) -> Engine:
    if name == OWN:
        env = podman.environment(_OWN_FOLDER, image_stores=stores)
        return Engine(name, "podman", node_image.NAME, env)
    return Engine(name, name, versions.PUBLISHED_NODE, {"KIND_EXPERIMENTAL_PROVIDER": name})
