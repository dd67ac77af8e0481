"""A Podman of our own: its storage, networks and settings apart from the machine's."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from devcluster import cache, debian

PACKAGES: Final = ("podman", "runc", "iptables", "netavark", "aardvark-dns")
"""Not Debian's Docker: it asks for capabilities that the machine may lack; Podman does not."""

_CONTAINERS: Final = """\
[containers]
# More than the machine's own limits would be refused without CAP_SYS_RESOURCE.
default_ulimits = ["nofile=20000:20000", "nproc=20000:20000"]

[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
stop_timeout = 2 # seconds; a node that goes away has nothing to save
runtime = "runc" # crun refuses hybrid cgroups
tmp_dir = "{volatile}/libpod"

[network]
network_backend = "netavark" # with aardvark-dns, for the nodes find each other by name
network_config_dir = "{folder}/networks"
"""

_STORAGE: Final = """\
[storage]
driver = "overlay"
graphroot = "{graphroot}"
runroot = "{volatile}/storage"

[storage.options]
additionalimagestores = [{stores}]
"""


def environment(
    folder: Path, graphroot: Path | None = None, image_stores: Sequence[Path] = ()
) -> dict[str, str]:
    """Write the settings below `folder`, and return what points Podman (and kind) at them."""
    debian.install(PACKAGES)
    folder.mkdir(parents=True, exist_ok=True)
    values = {
        "folder": folder,
        "graphroot": graphroot or folder / "storage",
        "volatile": volatile(folder),
        "stores": ", ".join(f'"{store}"' for store in image_stores),
    }
    containers, storage = folder / "containers.conf", folder / "storage.conf"
    _write(containers, _CONTAINERS.format(**values))
    _write(storage, _STORAGE.format(**values))
    return {
        "CONTAINERS_CONF": str(containers),
        "CONTAINERS_STORAGE_CONF": str(storage),
        "KIND_EXPERIMENTAL_PROVIDER": "podman",
    }


def volatile(folder: Path) -> Path:
    """Return where what a restart of the machine must forget is kept, apart for each folder."""
    return Path("/run") / f"headrace-{cache.key(str(folder))}"


def _write(path: Path, text: str) -> None:
    """Write only what is new: another process may be reading the file at this moment."""
    if not path.exists() or path.read_text() != text:
        path.write_text(text)
