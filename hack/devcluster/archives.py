"""Write image archives without an image tool: one layer, a config and a list of names."""

import hashlib
import json
import platform
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from devcluster import shell

_ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True, slots=True)
class Image:
    """What a container made of a folder runs, as whom, and by which names it is known."""

    names: Sequence[str]
    entrypoint: Sequence[str] = ()
    user: str = ""
    path: str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def write(image: Image, root: Path, archive: Path) -> Path:
    """Pack a folder as a docker-archive, which containerd, Docker and Podman all read."""
    staging = archive.with_suffix(".staging")
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    layer = staging / "layer.tar"
    shell.run(["tar", "--numeric-owner", "--sort=name", "-C", root, "-cf", layer, "."])
    with layer.open("rb") as handle:
        diff_id = hashlib.file_digest(handle, "sha256").hexdigest()
    config = json.dumps(_config(image, diff_id)).encode()
    config_name = f"{hashlib.sha256(config).hexdigest()}.json"
    (staging / config_name).write_bytes(config)
    manifest = [{"Config": config_name, "RepoTags": [*image.names], "Layers": [layer.name]}]
    (staging / "manifest.json").write_text(json.dumps(manifest))
    shell.run(["tar", "-C", staging, "-cf", archive, "manifest.json", config_name, layer.name])
    shutil.rmtree(staging)
    return archive


def _config(image: Image, diff_id: str) -> dict[str, object]:
    machine = platform.machine()
    settings = {
        "Entrypoint": [*image.entrypoint],
        "Env": [f"PATH={image.path}"],
        "User": image.user,
        "WorkingDir": "/",
    }
    return {
        "architecture": _ARCHITECTURES.get(machine, machine),
        "os": "linux",
        "config": settings,
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{diff_id}"]},
        "history": [{"created_by": "hack/devcluster"}],
    }
