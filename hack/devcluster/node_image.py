"""Our own node image, for machines without an image registry: built once, kept as a store."""

import shutil
from pathlib import Path
from typing import Final

from devcluster import (
    cache,
    component_images,
    golang,
    node_root,
    places,
    podman,
    programs,
    progress,
    shell,
    versions,
)

NAME: Final = f"localhost/kindest/node:v{versions.KUBERNETES}"

PROGRAMS: Final = (
    programs.KUBE,
    programs.KUBEADM,
    programs.KIND,
    programs.COREDNS,
    programs.PAUSE,
)
SECONDS: Final = 105

_IMPORT: Final = """
mount -t proc proc "$1/proc"
mount --rbind /dev "$1/dev"
mount --rbind /sys "$1/sys"
mount -t tmpfs tmpfs "$1/run"
mount -t tmpfs tmpfs "$1/tmp"
mkdir "$1/tmp/images"
mount --bind "$2" "$1/tmp/images"
exec chroot "$1" /bin/sh -euc '
    containerd --log-level error &
    until ctr version >/dev/null 2>&1; do sleep 0.1; done
    for archive in /tmp/images/*.tar; do
        ctr --namespace k8s.io images import --all-platforms --digests \
            --snapshotter overlayfs "$archive"
    done
    kill $!
    wait
'
"""
"""Run as PID 1 of a namespace of its own, so that nothing of it outlives it."""


def store() -> Path:
    """Return a Podman image store that holds the node image; build it if it is missing."""

    def make(folder: Path) -> None:
        for program in PROGRAMS:
            golang.build(program)
        with progress.step(f"building the node image (about {progress.duration(SECONDS)})"):
            _build(folder)

    return cache.once("node-image", key(), make) / "store"


def key() -> str:
    """Return the version and a digest of all that the node image is made of."""
    modules = ("node_root", "node_image", "component_images", "archives")
    sources = (places.PACKAGE / f"{module}.py" for module in modules)
    digest = cache.key(*(program.key for program in PROGRAMS), *sources)
    return f"{versions.KUBERNETES}-{digest}"


def _build(folder: Path) -> None:
    work, root = folder / "work", folder / "work/root"
    archives = work / "archives"
    archives.mkdir(parents=True)
    node_root.make(root)
    staging = work / "staging"
    staging.mkdir()
    for archive in component_images.write_all(staging):
        archive.rename(archives / archive.name)
    unshare = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
    shell.run([*unshare, "/bin/sh", "-euc", _IMPORT, "import", root, archives])
    _into_store(root, folder / "store", work)
    shutil.rmtree(work)


def _into_store(root: Path, store_folder: Path, work: Path) -> None:
    packed = work / "root.tar"
    shell.run(["tar", "--numeric-owner", "-C", root, "-cf", packed, "."])
    changes = (
        'ENTRYPOINT ["/usr/local/bin/entrypoint","/sbin/init"]',
        "ENV container=docker",
        "STOPSIGNAL SIGRTMIN+3",
    )
    shell.run(
        ["podman", "import", *(f"--change={change}" for change in changes), packed, NAME],
        env=podman.environment(work / "podman", store_folder),
    )
    shutil.rmtree(podman.volatile(work / "podman"))
