"""The images that a node runs before anything of ours: control plane, DNS and pause."""

import shutil
from pathlib import Path

from devcluster import archives, debian, golang, programs, shell, versions
from devcluster.archives import Image

_CONTROL_PLANE = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy")


def write_all(folder: Path) -> list[Path]:
    """Write an archive for every image that kubeadm asks for, under the names it asks for."""
    wanted = _wanted_names()
    return [
        _control_plane(folder, wanted),
        _single("coredns", golang.build(programs.COREDNS), folder, wanted),
        _single("pause", golang.build(programs.PAUSE), folder, wanted),
    ]


def pause_name() -> str:
    """Return the pause image's name as kubeadm says it, for containerd's configuration."""
    return _named("pause", _wanted_names())


def _wanted_names() -> list[str]:
    kubeadm = golang.build(programs.KUBEADM)
    version = f"--kubernetes-version=v{versions.KUBERNETES}"
    return shell.output([kubeadm, "config", "images", "list", version]).split()


def _named(part: str, wanted: list[str]) -> str:
    return next(name for name in wanted if name.rpartition("/")[2].startswith(f"{part}:"))


def _control_plane(folder: Path, wanted: list[str]) -> Path:
    """Write one image with five names: kube-proxy needs iptables, and the others do not mind."""
    root = folder / "control-plane"
    debian.bootstrap(root, ["iptables", "nftables", "conntrack", "kmod"])
    shutil.copy2(golang.build(programs.KUBE), root / "usr/local/bin/kube")
    for part in (*_CONTROL_PLANE, "etcd"):
        (root / "usr/local/bin" / part).symlink_to("kube")
    names = [_named(part, wanted) for part in (*_CONTROL_PLANE, "etcd")]
    return archives.write(Image(names=names), root, folder / "control-plane.tar")


def _single(part: str, binary: Path, folder: Path, wanted: list[str]) -> Path:
    root = folder / part
    root.mkdir()
    shutil.copy2(binary, root / part)
    image = Image(names=[_named(part, wanted)], entrypoint=[f"/{part}"])
    return archives.write(image, root, folder / f"{part}.tar")
