"""A gateway in a few dictionaries, for what the command line does with answers."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2

from headrace_cli.client import GatewayClient

RUN = "0198c0de-0000-7000-8000-000000000001"
LINKS = {"self": "/r", "events": "/r/events", "cancel": "/r/cancel"}


def run_view(status: str = "Succeeded", **more: Any) -> dict[str, Any]:
    return {
        "id": RUN,
        "namespace": "ns",
        "pipeline": "draft",
        "status": status,
        "digest": "sha256:" + "0" * 64,
        "createdAt": "2026-01-01T12:00:00Z",
        "traceparent": "00-1-2-01",
        "usage": {"inputTokens": 100, "outputTokens": 20, "cost": "0.000135", "currency": "USD"},
        "links": LINKS,
        **more,
    }


def sse(kind: str, data: dict[str, Any], number: int | None = None) -> bytes:
    head = f"event: {kind}\n" + (f"id: {number}\n" if number is not None else "")
    return f"{head}data: {json.dumps(data)}\n\n".encode()


def event(number: int, kind: str, step: str | None = None, **detail: Any) -> bytes:
    data = {"seq": number, "type": kind, "step": step, "data": detail}
    return sse(kind, data, number)


def token(step: str, text: str) -> bytes:
    return sse("token", {"step": step, "text": text})


class Stream(httpx2.AsyncByteStream):
    """A body that may end in a broken connection."""

    def __init__(self, parts: list[bytes | Exception]) -> None:
        self._parts = parts

    async def __aiter__(self):
        for part in self._parts:
            if isinstance(part, Exception):
                raise part
            yield part


@dataclass
class FakeGateway:
    """What it was asked, and what it answers."""

    run: dict[str, Any] = field(default_factory=lambda: run_view(output={"title": "Rivers"}))
    streams: list[list[bytes | Exception]] = field(default_factory=list)
    problem: tuple[int, dict[str, Any]] | None = None
    pages: list[dict[str, Any]] = field(default_factory=list)
    keys: list[dict[str, Any]] = field(default_factory=list)
    costs: list[dict[str, Any]] = field(default_factory=list)
    workers: list[dict[str, Any]] = field(default_factory=list)
    asked: list[httpx2.Request] = field(default_factory=list)

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request)
        if self.problem:
            return httpx2.Response(self.problem[0], json=self.problem[1])
        if request.url.path == "/v1/cost":
            asked = dict(request.url.params)
            view = {k: asked[k] for k in ("by", "since", "until")}
            of_workers = self.workers if asked["by"] in {"tenant", "pipeline"} else []
            return httpx2.Response(200, json={**view, "items": self.costs, "workers": of_workers})
        if request.url.path.startswith("/v1/keys"):
            return self._key(request)
        return self._run(request.url.path, request.method)

    def _run(self, path: str, method: str) -> httpx2.Response:
        if path.endswith("/events"):
            headers = {"content-type": "text/event-stream"}
            return httpx2.Response(200, headers=headers, stream=Stream(self.streams.pop(0)))
        if path.endswith("/cancel"):
            return httpx2.Response(202, json={"id": RUN, "status": "Cancelled", "accepted": True})
        if path.endswith("/runs"):
            if method == "POST":
                body = {"id": RUN, "status": "Pending", "links": LINKS}
                return httpx2.Response(202, json=body)
            return httpx2.Response(200, json=self.pages.pop(0))
        return httpx2.Response(200, json=self.run)

    def _key(self, request: httpx2.Request) -> httpx2.Response:
        if request.method == "DELETE":
            return httpx2.Response(204)
        if request.method == "GET":
            return httpx2.Response(200, json={"items": self.keys})
        asked = json.loads(request.content)
        if request.url.path.endswith("/rotate"):
            return httpx2.Response(201, json={**key_view(), "key": "hr_a_b"})
        made = {**key_view(), "name": asked["name"], "scopes": asked["scopes"], "key": "hr_a_b"}
        return httpx2.Response(201, json=made)

    def connect(self, _url: str, _key: object = None):
        """Stand in for `headrace_cli.client.connect`."""

        @asynccontextmanager
        async def opened():
            transport = httpx2.MockTransport(self.answer)
            async with httpx2.AsyncClient(transport=transport, base_url="http://gateway") as http:
                yield GatewayClient(http)

        return opened()


def key_view(**more: Any) -> dict[str, Any]:
    return {
        "id": "k-1",
        "name": "ci",
        "tenant": "acme",
        "prefix": "abcd1234",
        "scopes": ["submit", "read"],
        "createdBy": "admin",
        **more,
    }
