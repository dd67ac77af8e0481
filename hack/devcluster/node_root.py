"""A kind node's root file system, as kind's own Dockerfile makes it, out of Debian packages."""

import json
import shutil
from pathlib import Path
from typing import Final

from devcluster import component_images, debian, golang, programs, shell, versions

PACKAGES: Final = (
    "bash",
    "ca-certificates",
    "conntrack",
    "containerd",
    "containernetworking-plugins",
    "curl",
    "dbus",
    "e2fsprogs",
    "ethtool",
    "hostname",
    "iproute2",
    "iptables",
    "jq",
    "kmod",
    "libseccomp2",
    "mount",
    "nftables",
    "pigz",
    "procps",
    "runc",
    "socat",
    "systemd",
    "util-linux",
)

_UNWANTED_UNITS: Final = (
    "lib/systemd/system/sysinit.target.wants/systemd-tmpfiles-setup.service",
    "lib/systemd/system/multi-user.target.wants/*",
    "etc/systemd/system/*.wants/*",
    "lib/systemd/system/local-fs.target.wants/*",
    "lib/systemd/system/sockets.target.wants/*udev*",
    "lib/systemd/system/sockets.target.wants/*initctl*",
    "lib/systemd/system/basic.target.wants/*",
)
"""What kind's Dockerfile removes: units that make no sense in a container."""

_LINKS: Final = {
    # Debian's containerd and runc are not where kind's unit file and its own tools look.
    "usr/local/bin/containerd": "/usr/bin/containerd",
    "usr/local/bin/ctr": "/usr/bin/ctr",
    "usr/local/bin/containerd-shim-runc-v2": "/usr/bin/containerd-shim-runc-v2",
    "usr/local/sbin/runc": "/usr/sbin/runc",
    "opt/cni/bin": "/usr/lib/cni",
    "usr/bin/kubelet": "kube",
    "usr/bin/kubectl": "kube",
}


def make(root: Path) -> None:
    """Fill `root` with all of a node but the images that it comes with."""
    debian.bootstrap(root, PACKAGES)
    _copy_kind_files(root)
    for pattern in _UNWANTED_UNITS:
        for unit in root.glob(pattern):
            unit.unlink()
    with (root / "etc/systemd/journald.conf").open("a") as journal:
        journal.write("ReadKMsg=no\n")
    _put_programs(root)
    _configure_containerd(root)
    _arrange_units(root)


def _copy_kind_files(root: Path) -> None:
    files = golang.module("kind", "sigs.k8s.io/kind") / "images/base/files"
    for source in files.rglob("*"):
        target = root / source.relative_to(files)
        if source.is_dir():
            target.mkdir(exist_ok=True, parents=True)
            continue
        shutil.copyfile(source, target)  # a module's files are all read-only and without x
        target.chmod(0o755 if "bin" in source.relative_to(files).parts else 0o644)


def _put_programs(root: Path) -> None:
    shutil.copy2(golang.build(programs.KUBE), root / "usr/bin/kube")
    shutil.copy2(golang.build(programs.KUBEADM), root / "usr/bin/kubeadm")
    for link, target in _LINKS.items():
        (root / link).parent.mkdir(parents=True, exist_ok=True)
        (root / link).symlink_to(target)
    (root / "kind/version").write_text(f"v{versions.KUBERNETES}")
    (root / "etc/kubernetes/manifests").mkdir(parents=True)


def _configure_containerd(root: Path) -> None:
    config = root / "etc/containerd/config.toml"
    lines = config.read_text().splitlines()
    settings = {
        "sandbox_image": f'"{component_images.pause_name()}"',
        # Without CAP_SYS_RESOURCE no score can be lowered, and each sandbox would die of trying.
        "restrict_oom_score_adj": "true",
    }
    config.write_text("\n".join(_with(line, settings) for line in lines) + "\n")
    spec = json.loads(shell.output(["chroot", root, "ctr", "oci", "spec"]))
    hooks = spec.setdefault("hooks", {}).setdefault("createContainer", [])
    hooks.append({"path": "/kind/bin/mount-product-files.sh"})
    spec["process"].pop("rlimits", None)
    (root / "etc/containerd/cri-base.json").write_text(json.dumps(spec))


def _with(line: str, settings: dict[str, str]) -> str:
    name = line.partition("=")[0].strip()
    return f"  {name} = {settings[name]}" if name in settings else line


def _arrange_units(root: Path) -> None:
    init = root / "sbin/init"
    init.unlink(missing_ok=True)
    init.symlink_to("/usr/lib/systemd/systemd")
    shell.run(["chroot", root, "systemctl", "enable", "kubelet", "containerd", "undo-mount-hacks"])
    # It would register formats with the kernel that we share with the machine.
    shell.run(["chroot", root, "systemctl", "mask", "systemd-binfmt.service"])
