"""Requests to the API server as dicts: the typed methods of the client refuse them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

import orjson
from aiohttp import ClientTimeout

from headrace_operator.apply.errors import kube_errors, of_status
from headrace_operator.errors import ReconcileError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kubernetes.aio.client import ApiClient

    from headrace_operator.apply.bucket import Bucket
    from headrace_operator.metrics import Metrics

TIMEOUT: Final = ClientTimeout(total=30)
JSON: Final = "application/json"
# With its parameter, the client takes bytes: of a dict it makes text, at ten times the cost.
APPLY: Final = "application/apply-patch+yaml; charset=utf-8"
PAGE: Final = 500
_SUCCESS: Final = range(200, 300)


class Wire:
    """One connection pool, one rate of writes, one table of errors."""

    def __init__(self, client: ApiClient, bucket: Bucket, metrics: Metrics) -> None:
        self._client = client
        self._bucket = bucket
        self._metrics = metrics

    async def close(self) -> None:
        await self._client.close()

    async def get(self, path: str, query: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Read an object, a list or a document of discovery."""
        return await self._send("GET", path, query=query)

    async def list(self, path: str, selector: str | None = None) -> list[dict[str, Any]]:
        """Read a collection page by page, consistently: never from a cache that may be old."""
        query = {"limit": str(PAGE)} | ({"labelSelector": selector} if selector else {})
        items: list[dict[str, Any]] = []
        while True:
            page = await self.get(path, query)
            # Items of a list carry neither kind nor apiVersion.
            kind = page["kind"].removesuffix("List")
            items += [
                {**one, "kind": kind, "apiVersion": page["apiVersion"]} for one in page["items"]
            ]
            following = page["metadata"].get("continue")
            if not following:
                return items
            query = {**query, "continue": following}

    async def apply(
        self, path: str, body: dict[str, Any], manager: str, *, force: bool = True
    ) -> dict[str, Any]:
        """Own exactly these fields, by force: what others wrote there was not theirs to write."""
        query = {"fieldManager": manager, "force": "true" if force else "false"}
        return await self._write("PATCH", path, body, query=query, content=APPLY)

    async def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return await self._write("POST", path, body)

    async def put(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return await self._write("PUT", path, body)

    async def delete(self, path: str, uid: str) -> None:
        """Delete this very object: another one of the same name stays."""
        body = {"preconditions": {"uid": uid}, "propagationPolicy": "Background"}
        await self._write("DELETE", path, body)

    async def _write(
        self,
        verb: str,
        path: str,
        body: dict[str, Any],
        *,
        query: Mapping[str, str] | None = None,
        content: str = JSON,
    ) -> dict[str, Any]:
        await self._bucket.take()
        code = "0"
        try:
            answer = await self._send(verb, path, body=body, query=query, content=content)
            code = "2xx"
        except ReconcileError as exc:
            code = type(exc).__name__
            raise
        finally:
            self._metrics.writes.labels(verb, _plural(path), code).inc()
        return answer

    async def _send(
        self,
        verb: str,
        path: str,
        *,
        body: dict[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
        content: str = JSON,
    ) -> dict[str, Any]:
        client = self._client
        url = f"{client.configuration.host}{path}"
        if query:
            url = f"{url}?{urlencode(query)}"
        headers = {**client.default_headers, "Accept": JSON, "Content-Type": content}
        sent = orjson.dumps(body) if content == APPLY else body
        with kube_errors():
            await client.update_params_for_auth(headers, [], ["BearerToken"], path, verb, None)
            response = await client.call_api(verb, url, headers, sent, _request_timeout=TIMEOUT)
            data: bytes = await response.read()
        if response.status not in _SUCCESS:
            raise of_status(response.status, data, response.headers)
        answer: dict[str, Any] = orjson.loads(data)
        return answer


def _plural(path: str) -> str:
    """Tell the kind of a path for a metric: names of objects must never become labels."""
    parts = path.split("/")
    start = 3 if parts[1] == "api" else 4
    if len(parts) > start + 2 and parts[start] == "namespaces":
        start += 2
    return parts[start]
