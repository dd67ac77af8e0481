"""The API server, as far as the gateway needs it: its keys, its word on a token, one Secret."""

from __future__ import annotations

import base64
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import httpx2 as httpx
from pydantic import SecretBytes, SecretStr

from headrace_contract.names import TOKEN_AUDIENCE
from headrace_gateway.models.ports import SecretMissingError
from headrace_gateway.pools import Kept

if TYPE_CHECKING:
    from collections.abc import Callable

TIMEOUT_SECONDS: Final = 5.0
SECRET_SECONDS: Final = 60.0
MOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")


class ClusterUnavailableError(Exception):
    """The API server cannot be reached, or refuses us."""


class ApiServer:
    """A few requests with the pod's own token, which is read again each time since it rotates."""

    def __init__(
        self,
        url: str,
        token_file: Path,
        ca_file: Path | None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._token_file = token_file
        verify = ssl.create_default_context(cafile=str(ca_file)) if ca_file else True
        self._client = httpx.AsyncClient(
            base_url=url,
            verify=verify,
            timeout=TIMEOUT_SECONDS,
            trust_env=False,
            transport=transport,
        )

    async def get(self, path: str) -> dict[str, Any]:
        return await self._ask("GET", path, None)

    async def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return await self._ask("POST", path, body)

    def token(self) -> str:
        return self._token_file.read_text().strip()

    async def close(self) -> None:
        await self._client.aclose()

    async def _ask(self, method: str, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        headers = {"authorization": f"Bearer {self.token()}"}
        try:
            response = await self._client.request(method, path, json=body, headers=headers)
            response.raise_for_status()
            found: dict[str, Any] = response.json()
        except httpx.HTTPStatusError as exc:
            message = f"{method} {path}: {exc.response.status_code}"
            raise ClusterUnavailableError(message) from exc
        except (httpx.HTTPError, ValueError) as exc:
            message = f"{method} {path}: {type(exc).__name__}"
            raise ClusterUnavailableError(message) from exc
        return found

    async def review(self, token: str) -> dict[str, Any] | None:
        """Ask whether a token is good for our audience; return who it is, or None."""
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": {"token": token, "audiences": [TOKEN_AUDIENCE]},
        }
        answer = await self.post("/apis/authentication.k8s.io/v1/tokenreviews", body)
        status = answer.get("status") or {}
        if not status.get("authenticated") or TOKEN_AUDIENCE not in status.get("audiences", ()):
            return None
        user: dict[str, Any] = status.get("user") or {}
        return user


class ClusterSecrets:
    """Secrets of the gateway's own namespace, read by name and kept for a minute."""

    def __init__(self, api: ApiServer, namespace: str, monotonic: Callable[[], float]) -> None:
        self._api = api
        self._namespace = namespace
        self._kept: Kept[str, dict[str, SecretBytes]] = Kept(self._get, SECRET_SECONDS, monotonic)

    async def read(self, name: str, key: str, *, fresh: bool = False) -> SecretStr:
        if fresh:
            self._kept.forget(name)
        try:
            data = await self._kept.get(name)
        except ClusterUnavailableError as exc:
            message = f"Secret '{name}' cannot be read"
            raise SecretMissingError(message) from exc
        if data is None or key not in data:
            message = f"Secret '{name}' has no key '{key}'"
            raise SecretMissingError(message)
        try:
            return SecretStr(data[key].get_secret_value().decode())
        except UnicodeDecodeError as exc:
            message = f"Key '{key}' of Secret '{name}' is no text"
            raise SecretMissingError(message) from exc

    async def _get(self, name: str) -> dict[str, SecretBytes]:
        path = (
            f"/api/v1/namespaces/{quote(self._namespace, safe='')}/secrets/{quote(name, safe='')}"
        )
        found = await self._api.get(path)
        data: dict[str, str] = found.get("data") or {}
        return {key: SecretBytes(base64.b64decode(value)) for key, value in data.items()}


class StaticSecrets:
    """Secrets that were handed in; for laptops and tests."""

    def __init__(self, values: dict[tuple[str, str], SecretStr] | None = None) -> None:
        self._values = dict(values or {})

    async def read(self, name: str, key: str, *, fresh: bool = False) -> SecretStr:  # noqa: ARG002 -- the port's
        try:
            return self._values[name, key]
        except KeyError as exc:
            message = f"Secret '{name}' has no key '{key}'"
            raise SecretMissingError(message) from exc
