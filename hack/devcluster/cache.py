"""Build a thing once per machine: whole or not at all, and safe when two ask at once."""

import fcntl
import hashlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from devcluster import places


@contextmanager
def lock(name: str) -> Iterator[None]:
    """Let one process at a time work on `name`; the kernel lets go when the process dies."""
    folder = places.cache() / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / name).open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def key(*parts: str | Path) -> str:
    """Return a short digest of strings and of files' (or whole folders') names and contents."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, str):
            digest.update(part.encode() + b"\0")
            continue
        for file in _files(part):
            digest.update(str(file.relative_to(part.parent)).encode() + b"\0")
            digest.update(file.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    ignored = {"__pycache__"}
    return sorted(f for f in path.rglob("*") if f.is_file() and not ignored & set(f.parts))


def has(name: str, version: str) -> bool:
    """Say whether `once` would return at once."""
    return (places.cache() / f"{name}-{version}").is_dir()


def once(name: str, version: str, make: Callable[[Path], None]) -> Path:
    """Return the cached folder; if it is missing, `make` it in another place and rename it."""
    final = places.cache() / f"{name}-{version}"
    if final.is_dir():
        return final
    with lock(name):
        if not final.is_dir():
            building = places.cache() / f".building-{name}"
            shutil.rmtree(building, ignore_errors=True)  # of one that was killed
            building.mkdir(parents=True)
            make(building)
            building.rename(final)
    return final
