"""The operator as a process of its own, as some ServiceAccount may run it."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

from apiserver import until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


@contextlib.contextmanager
def operator_process(
    kubeconfig: Path, ledger_url: str, log: Path, namespaces: Sequence[str] = ()
) -> Iterator[str]:
    """Run it until the block ends; give the address of its health, which is ready by then."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = {
        **{name: value for name, value in os.environ.items() if not name.startswith("HEADRACE_")},
        "KUBECONFIG": str(kubeconfig),
        "HEADRACE_LEDGER_URL": ledger_url,
        "HEADRACE_LISTEN_HOST": "127.0.0.1",
        "HEADRACE_LISTEN_PORT": str(port),
        "HEADRACE_KEDA_SECONDS": "0.5",
        "HEADRACE_COUNTS_SECONDS": "0.5",
        "HEADRACE_RESYNC_SECONDS": "5",
        "HEADRACE_WATCH_NAMESPACES": ",".join(namespaces),
    }
    url = f"http://127.0.0.1:{port}"
    with log.open("wb") as out:
        process = subprocess.Popen([sys.executable, "-m", "headrace_operator"], env=env, stderr=out)
        try:
            until(lambda: _is_ready(f"{url}/readyz", process, log), 60)
            yield url
        finally:
            process.terminate()
            try:
                process.wait(40)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _is_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> bool:
    assert process.poll() is None, log.read_text()[-2000:]
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return answer.status == 200
    except (urllib.error.URLError, TimeoutError):
        return False
