"""
Peers, each in a virtual environment of its own, as its lock file says.

Made on demand by uv in the cache folder outside the tree, named by the lock's content; `peers/`
has for each peer what we ask for (`requirements.in`), what that was resolved to with hashes
(`requirements.txt`), and the code that a user of it would write.

To change a version, edit `requirements.in`, then run the command at the head of its lock file.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "hack"))

from devcluster import places  # noqa: E402 -- the path above leads to it

FOLDER: Final = Path(__file__).resolve().parent / "peers"


def python_of(peer: str) -> Path:
    """Return the interpreter of a peer's environment; make that first if it is not there."""
    lock = FOLDER / peer / "requirements.txt"
    name = hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()[:12]
    home = _cache() / f"{peer}-{name}"
    python = home / "bin" / "python"
    if not (home / "complete").exists():
        shutil.rmtree(home, ignore_errors=True)
        _uv("venv", "--python", sys.executable, home)
        _uv("pip", "sync", "--python", python, "--require-hashes", "--compile-bytecode", lock)
        (home / "complete").touch()
    return python


def versions_of(peer: str, *packages: str) -> dict[str, str]:
    """Read from its lock what a peer was measured with."""
    lines = (FOLDER / peer / "requirements.txt").read_text().splitlines()
    pins = dict(line.split(" ")[0].split("==", 1) for line in lines if "==" in line.split(" ")[0])
    return {package: pins[package] for package in packages}


def _cache() -> Path:
    return places.cache() / "bench"


def _uv(*words: str | Path) -> None:
    done = subprocess.run(
        ["uv", *[str(word) for word in words]], capture_output=True, text=True, check=False
    )
    if done.returncode:
        message = f"uv {words[0]}: {done.stderr.strip()[-2000:]}"
        raise SystemExit(message)
