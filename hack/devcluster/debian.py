"""What comes from Debian: packages on this machine, and roots for images."""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from devcluster import cache, places, progress, shell, versions
from devcluster.errors import NotPossibleError


def require_root_on_debian() -> None:
    """Refuse, in one sentence, where we can neither pull images nor make them."""
    release = Path("/etc/os-release")
    is_debian = release.exists() and "\nID=debian\n" in f"\n{release.read_text()}"
    if os.geteuid() == 0 and is_debian:
        return
    message = (
        "no cluster can be had here: neither Docker nor Podman can reach an image registry, "
        "and building the images without one takes root on Debian"
    )
    raise NotPossibleError(message)


def install(packages: Iterable[str]) -> None:
    """Install what is missing of these packages on this machine."""
    missing = [name for name in packages if not _installed(name)]
    if not missing:
        return
    with cache.lock("apt"), progress.step(f"installing {', '.join(missing)}"):
        env = {"DEBIAN_FRONTEND": "noninteractive"}
        shell.run(["apt-get", "update"], env=env)
        shell.run(["apt-get", "install", "-y", "--no-install-recommends", *missing], env=env)


def _installed(package: str) -> bool:
    query = ["dpkg-query", "--show", "--showformat=${db:Status-Status}", package]
    return shell.succeeds(query) and shell.output(query) == "installed"


def bootstrap(target: Path, packages: Iterable[str]) -> None:
    """Fill a folder with the least Debian that has these packages, and none of apt's leftovers."""
    install(["debootstrap"])
    debs = places.cache() / "debs"
    debs.mkdir(parents=True, exist_ok=True)
    shell.run(
        [
            "debootstrap",
            "--variant=minbase",
            f"--include={','.join(packages)}",
            f"--cache-dir={debs}",
            versions.DEBIAN,
            target,
        ]
    )
    for leftover in ("var/cache/apt/archives", "var/lib/apt/lists", "usr/share/doc"):
        shutil.rmtree(target / leftover, ignore_errors=True)
        (target / leftover).mkdir(parents=True)
