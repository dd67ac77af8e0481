"""What the kubelet asks: alive while the event loop turns, ready once a claim was answered."""

from __future__ import annotations

import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headrace_worker.vitals import Vitals


class Health:
    """The standard library's server in a thread: a blocked event loop must not answer for it."""

    def __init__(self, vitals: Vitals, port: int, host: str = "0.0.0.0") -> None:  # noqa: S104 -- the kubelet comes from outside the pod
        class Handler(_Handler):
            seen = vitals

        self._server = ThreadingHTTPServer((host, port), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="headrace-health", daemon=True
        )

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    seen: Vitals
    server_version = "headrace"
    sys_version = ""
    timeout = 5

    def do_GET(self) -> None:
        answers = {"/healthz": self.seen.alive, "/readyz": self.seen.alive and self.seen.ready}
        if self.path not in answers:
            self._answer(HTTPStatus.NOT_FOUND)
            return
        good = answers[self.path]
        self._answer(HTTPStatus.OK if good else HTTPStatus.SERVICE_UNAVAILABLE)

    def _answer(self, status: HTTPStatus) -> None:
        body = f"{status.phrase}\n".encode()
        self.send_response(status)
        self.send_header("content-type", "text/plain")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the base class names it so
        """Stay silent: a probe every second is no news."""
