"""The client of the gateway: what users may do there, typed; errors in our own words."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final, TypeVar

import httpx2
from pydantic import BaseModel, SecretStr

from headrace_cli.errors import GatewayUnreachableError, RefusedError
from headrace_contract.api import (
    CancelAnswer,
    CostBy,
    CostView,
    KeyCreated,
    KeyList,
    KeyRequest,
    KeyRotationRequest,
    KeyView,
    RunAccepted,
    RunList,
    RunView,
)
from headrace_contract.priority import Priority

M = TypeVar("M", bound=BaseModel)
_KEY: Final = "HEADRACE_API_KEY"
_TIMEOUT: Final = httpx2.Timeout(30.0, read=60.0)
OVER: Final = frozenset({"Succeeded", "Failed", "Cancelled"})
_RESUMES: Final = 20  # times that a dropped event stream is taken up again


@dataclass(frozen=True, slots=True)
class Happening:
    """One event of a run; `id` is the number of the latest durable one, to resume from."""

    id: str
    type: str
    data: dict[str, Any] = field(default_factory=dict)

    @property
    def step(self) -> str:
        """The step that it is about; empty when it is about the run."""
        return str(self.data.get("step") or "")

    @property
    def detail(self) -> dict[str, Any]:
        """What a durable event says beyond its head."""
        found = self.data.get("data")
        return found if isinstance(found, dict) else {}


@dataclass(frozen=True, slots=True)
class GatewayClient:
    """A person's or a program's view of the gateway."""

    http: httpx2.AsyncClient

    async def submit(  # noqa: PLR0913 -- where, what, and how it is to be taken
        self,
        namespace: str,
        pipeline: str,
        value: Any,
        idempotency_key: str | None = None,
        *,
        priority: Priority | None = None,
        deadline: datetime | None = None,
    ) -> RunAccepted:
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        params: dict[str, str] = {}
        if priority:
            params["priority"] = priority
        if deadline:
            params["deadline"] = deadline.isoformat()
        return await self._ask(
            RunAccepted,
            "POST",
            runs_path(namespace, pipeline),
            json=value,
            headers=headers,
            params=params,
        )

    async def run(self, namespace: str, pipeline: str, run: str) -> RunView:
        return await self._ask(RunView, "GET", f"{runs_path(namespace, pipeline)}/{run}")

    async def runs(
        self, namespace: str, pipeline: str, status: str | None, limit: int
    ) -> list[RunView]:
        """List the youngest runs, page by page."""
        found: list[RunView] = []
        cursor: str | None = None
        while len(found) < limit:
            asked = {"status": status, "limit": min(limit - len(found), 100), "cursor": cursor}
            params = {name: value for name, value in asked.items() if value is not None}
            path = runs_path(namespace, pipeline)
            page = await self._ask(RunList, "GET", path, params=params)
            found += page.items
            cursor = page.next_cursor
            if not cursor:
                break
        return found

    async def cancel(self, namespace: str, pipeline: str, run: str) -> CancelAnswer:
        path = f"{runs_path(namespace, pipeline)}/{run}/cancel"
        return await self._ask(CancelAnswer, "POST", path)

    async def events(self, namespace: str, pipeline: str, run: str) -> AsyncIterator[Happening]:
        """Yield what happens until the run is over; take a dropped stream up where it ended."""
        path = f"{runs_path(namespace, pipeline)}/{run}/events"
        last = ""
        for _ in range(_RESUMES):
            headers = {"Last-Event-ID": last} if last else {}
            with suppress(httpx2.RemoteProtocolError, httpx2.ReadError, httpx2.ReadTimeout):
                async for event in self._events_once(path, headers):
                    last = event.id or last
                    yield event
                    if is_over(event):
                        return
            if (await self.run(namespace, pipeline, run)).status in OVER:
                return  # its last event was told before the stream was taken up again
        msg = "the event stream was dropped again and again"
        raise GatewayUnreachableError(msg)

    async def _events_once(self, path: str, headers: dict[str, str]) -> AsyncIterator[Happening]:
        request = self.http.build_request("GET", path, headers=headers)
        request.headers["accept"] = "text/event-stream"
        with transport_errors(self.http):
            response = await self.http.send(request, stream=True)
        try:
            if response.is_error:
                await response.aread()
                raise refused(response)
            async for event in httpx2.EventSource(response):
                if event.data:
                    yield Happening(event.id or "", event.event, json.loads(event.data))
        finally:
            await response.aclose()

    async def create_key(self, wanted: KeyRequest) -> KeyCreated:
        body = wanted.model_dump(mode="json", by_alias=True, exclude_none=True)
        return await self._ask(KeyCreated, "POST", "/v1/keys", json=body)

    async def rotate_key(self, key_id: str, wanted: KeyRotationRequest) -> KeyCreated:
        body = wanted.model_dump(mode="json", by_alias=True, exclude_none=True)
        return await self._ask(KeyCreated, "POST", f"/v1/keys/{key_id}/rotate", json=body)

    async def keys(self, tenant: str | None) -> list[KeyView]:
        params = {"tenant": tenant} if tenant else {}
        return (await self._ask(KeyList, "GET", "/v1/keys", params=params)).items

    async def revoke_key(self, key_id: str, tenant: str | None) -> None:
        params = {"tenant": tenant} if tenant else {}
        await self._send("DELETE", f"/v1/keys/{key_id}", params=params)

    async def cost(self, by: CostBy, days: tuple[date, date], tenant: str | None) -> CostView:
        """Sum costs from a UTC day to before another; of one tenant, or of all that one may see."""
        asked = {"by": by, "since": str(days[0]), "until": str(days[1])}
        params = {**asked, "tenant": tenant} if tenant else asked
        return await self._ask(CostView, "GET", "/v1/cost", params=params)

    async def greet(self) -> None:
        """Ask for what everybody may see; raise if nobody answers."""
        await self._send("GET", "/openapi.json")

    async def _ask(self, model: type[M], method: str, path: str, **rest: Any) -> M:
        return model.model_validate_json((await self._send(method, path, **rest)).content)

    async def _send(self, method: str, path: str, **rest: Any) -> httpx2.Response:
        with transport_errors(self.http):
            response = await self.http.request(method, path, **rest)
        if response.is_error:
            raise refused(response)
        return response


def runs_path(namespace: str, pipeline: str) -> str:
    return f"/v1/namespaces/{namespace}/pipelines/{pipeline}/runs"


def is_over(event: Happening) -> bool:
    return event.type in ("run.finished", "run.cancelled")


@contextmanager
def transport_errors(http: httpx2.AsyncClient) -> Iterator[None]:
    """Let nothing of the HTTP client's own kind out of this block."""
    try:
        yield
    except (httpx2.TransportError, httpx2.InvalidURL) as exc:
        msg = f"the gateway at {http.base_url} cannot be reached: {exc or type(exc).__name__}"
        raise GatewayUnreachableError(msg) from exc


def refused(response: httpx2.Response) -> RefusedError:
    """Read a problem document; say what can be said of anything else."""
    try:
        problem = response.json()
        told = problem.get("detail") or problem.get("title") or "the gateway refused"
        wrong = [f"\n  {one['path']}: {one['message']}" for one in problem.get("problems", [])]
        reason = str(problem.get("reason", response.status_code))
    except (ValueError, AttributeError, TypeError, KeyError):
        told, wrong, reason = "the gateway refused", [], str(response.status_code)
    return RefusedError(response.status_code, reason, told + "".join(wrong))


@asynccontextmanager
async def connect(url: str, key: SecretStr | None = None) -> AsyncIterator[GatewayClient]:
    """Open a client; the key comes from the environment unless one is handed in."""
    found = key or SecretStr(os.environ.get(_KEY, ""))
    secret = found.get_secret_value()
    headers = {"authorization": f"Bearer {secret}"} if secret else {}
    async with httpx2.AsyncClient(base_url=url, headers=headers, timeout=_TIMEOUT) as http:
        yield GatewayClient(http)
