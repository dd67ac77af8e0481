"""An OCI layout that is kept between builds, so that a node gets only the layers it lacks."""

import io
import json
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from devcluster import shell
from devcluster.workshop import Workshop

_NAME_OF_IMAGE: Final = "org.opencontainers.image.ref.name"
_NAME_FOR_CONTAINERD: Final = "io.containerd.image.name"


@dataclass(frozen=True, slots=True)
class Saved:
    """One image of the layout: how its index names it, and the blobs that it needs."""

    name: str
    manifest: dict[str, Any]
    blobs: frozenset[str]


def save(shop: Workshop, folder: Path, image: str) -> Saved:
    """Write an image into the layout; Podman skips the layers that are there already."""
    flags = ["--quiet", "--format=oci-dir", "--uncompressed", f"--output={folder}"]
    shell.run([shop.program, "save", *flags, image], env=shop.env)
    index = json.loads((folder / "index.json").read_text())
    entry = next(m for m in index["manifests"] if _name(m) == image)
    body = json.loads(_blob(folder, entry["digest"]).read_text())
    digests = [entry["digest"], body["config"]["digest"], *(x["digest"] for x in body["layers"])]
    return Saved(image, entry, frozenset(digests))


def pack(folder: Path, images: list[Saved], known: frozenset[str], archive: Path) -> Path:
    """Write an archive of these images without the blobs that the nodes are known to have."""
    wanted = frozenset[str]().union(*(image.blobs for image in images)) - known
    index = {"schemaVersion": 2, "manifests": [_entry(image) for image in images]}
    with tarfile.open(archive, "w") as tar:
        _add(tar, "oci-layout", (folder / "oci-layout").read_bytes())
        for digest in sorted(wanted):
            blob = _blob(folder, digest)
            tar.add(blob, arcname=str(blob.relative_to(folder)))
        _add(tar, "index.json", json.dumps(index).encode())
    return archive


def prune(folder: Path, keep: Iterable[Saved]) -> None:
    """Remove the blobs of images that no longer have a name."""
    wanted = frozenset[str]().union(*(image.blobs for image in keep))
    index = folder / "index.json"
    content = json.loads(index.read_text())
    content["manifests"] = [m for m in content["manifests"] if m["digest"] in wanted]
    index.write_text(json.dumps(content))
    for blob in (folder / "blobs").glob("*/*"):
        if f"{blob.parent.name}:{blob.name}" not in wanted:
            blob.unlink()


def _name(entry: dict[str, Any]) -> str:
    """Return the name of an index's entry: an image that was replaced has none any more."""
    return str(entry.get("annotations", {}).get(_NAME_OF_IMAGE, ""))


def _entry(image: Saved) -> dict[str, Any]:
    return {**image.manifest, "annotations": {_NAME_FOR_CONTAINERD: image.name}}


def _blob(folder: Path, digest: str) -> Path:
    algorithm, _, value = digest.partition(":")
    return folder / "blobs" / algorithm / value


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))
