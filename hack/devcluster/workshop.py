"""Where our images are built: the machine's engine, or our own Podman with a base of our own."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from devcluster import archives, cache, debian, engine, places, podman, progress, shell, versions
from devcluster.archives import Image

_BASE_PACKAGES: Final = ("ca-certificates", "python3", "python3-venv")
_BUNDLE: Final = Path("/etc/ssl/certs/ca-certificates.crt")
_BUNDLE_VARIABLES: Final = ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE")
"""Whoever sets one of these has package registries behind a certificate of their own."""


@dataclass(frozen=True, slots=True)
class Workshop:
    """A program that builds, its environment, its options, and what its base is made of."""

    program: str
    base_key: str
    options: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)


def open_workshop() -> Workshop:
    """Return the workshop that goes with the engine; make the base if it is ours."""
    name = engine.find()
    if name == engine.OWN:
        return _own()
    # Docker's builder takes no volumes: there, certificates are the daemon's business.
    options = _certificates() if name == "podman" else ()
    return Workshop(name, versions.PYTHON_BASE, options)


def _own() -> Workshop:
    folder = places.cache() / "images"
    env = podman.environment(folder)
    base_key = cache.key(versions.DEBIAN, *_BASE_PACKAGES)
    base = f"localhost/headrace/base:{base_key}"
    if not shell.succeeds(["podman", "image", "exists", base], env=env):
        with progress.step("building a Python base image (about 40 s)"):
            _make_base(folder / "base", base, env)
    # No registry answers, so the base takes the name that the Dockerfiles ask for.
    shell.run(["podman", "tag", base, versions.PYTHON_BASE], env=env)
    options = ("--isolation=chroot", "--pull=never", "--layers", *_certificates())
    return Workshop("podman", base_key, options, env)


def _make_base(folder: Path, name: str, env: Mapping[str, str]) -> None:
    shell.run(["rm", "-rf", "--one-file-system", folder])
    root = folder / "root"
    debian.bootstrap(root, _BASE_PACKAGES)
    archive = archives.write(Image(names=[name]), root, folder / "base.tar")
    shell.run(["podman", "load", f"--input={archive}"], env=env)
    shell.run(["rm", "-rf", "--one-file-system", folder])


def _certificates() -> tuple[str, ...]:
    """Show the machine's certificates to pip and uv while they build, and leave none behind."""
    if not (_BUNDLE.exists() and any(name in os.environ for name in _BUNDLE_VARIABLES)):
        return ()
    folder = places.cache() / "images" / "settings"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pip.conf").write_text(f"[global]\ncert = {_BUNDLE}\n")
    (folder / "uv.toml").write_text("system-certs = true\n")
    mounts = {
        _BUNDLE: _BUNDLE,
        folder / "pip.conf": Path("/etc/pip.conf"),
        folder / "uv.toml": Path("/etc/uv/uv.toml"),
    }
    return tuple(f"--volume={source}:{target}:ro" for source, target in mounts.items())
