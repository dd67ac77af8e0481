"""A small HTTP server on loopback: answers what it is told, keeps what came."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Reply:
    body: bytes = b"{}"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: {"content-type": "application/json"})
    cut: bool = False


class Hang(Reply):
    """Answers nothing until the test lets go, and then breaks the connection."""


@dataclass
class Request:
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class Site:
    """Replies by path; the last reply of a path repeats."""

    def __init__(self) -> None:
        self.replies: dict[str, list[Reply]] = {}
        self.requests: list[Request] = []
        self.port = 0
        self._going = threading.Event()

    def let_go(self) -> None:
        """End every reply that hangs."""
        self._going.set()

    def wait(self) -> None:
        self._going.wait(120)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def reply(self, path: str, *replies: Reply) -> None:
        self.replies[path] = list(replies)

    def take(self, request: Request) -> Reply:
        self.requests.append(request)
        told = self.replies.get(request.path.partition("?")[0])
        if not told:
            return Reply(status=404)
        return told.pop(0) if len(told) > 1 else told[0]


@contextlib.contextmanager
def serving(site: Site) -> Iterator[Site]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _any(self) -> None:
            size = int(self.headers.get("content-length", 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Request(self.command, self.path, headers, self.rfile.read(size))
            reply = site.take(request)
            if isinstance(reply, Hang):
                site.wait()
                self.close_connection = True
                return
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            length = len(reply.body) + (100 if reply.cut else 0)
            self.send_header("content-length", str(length))
            self.end_headers()
            if self.command != "HEAD":
                with contextlib.suppress(ConnectionError):
                    self.wfile.write(reply.body)
            self.close_connection = reply.cut

        do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = do_PATCH = _any  # noqa: N815 -- not ours

        def log_message(self, format: str, *args: Any) -> None: ...  # noqa: A002 -- not ours

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    site.port = server.server_address[1]
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
    )
    thread.start()
    try:
        yield site
    finally:
        site.let_go()
        server.shutdown()
        server.server_close()
        thread.join()


def streamed(*pieces: str, finish: str | None = "stop") -> Reply:
    """Make the event stream of a model's answer."""
    chunks: list[dict[str, Any]] = [
        {"choices": [{"index": 0, "delta": {"content": piece}}]} for piece in pieces
    ]
    if finish:
        chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    lines = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks]
    text = "".join(lines) + ("data: [DONE]\n\n" if finish else "")
    return Reply(text.encode(), headers={"content-type": "text/event-stream"})
