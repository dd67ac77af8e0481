"""Secrets of the gateway's own namespace: read by name, kept for a moment, never shown."""

from __future__ import annotations

import httpx2 as httpx
import pytest

from headrace_gateway.identity.cluster import ApiServer, ClusterSecrets
from headrace_gateway.models.ports import SecretMissingError


class Setting:
    """An API server with one Secret."""

    def __init__(self, tmp_path) -> None:
        (tmp_path / "token").write_text("own")
        self.calls: list[str] = []
        self.time = 0.0
        self.secret: dict | None = {"data": {"apiKey": "c2Vj"}}
        server = ApiServer("https://api", tmp_path / "token", None, httpx.MockTransport(self))
        self.secrets = ClusterSecrets(server, "headrace-system", lambda: self.time)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.calls.append(request.url.path)
        return httpx.Response(200 if self.secret else 404, json=self.secret or {})


@pytest.fixture
def setting(tmp_path):
    return Setting(tmp_path)


async def test_a_secret_is_read_by_name_and_kept_for_a_minute(setting):
    for _ in range(3):
        secret = await setting.secrets.read("provider", "apiKey")
        assert secret.get_secret_value() == "sec"
        assert "sec" not in repr(secret)
    assert len(setting.calls) == 1
    setting.time = 61.0
    await setting.secrets.read("provider", "apiKey")
    await setting.secrets.read("provider", "apiKey", fresh=True)
    assert len(setting.calls) == 3
    assert setting.calls[0] == "/api/v1/namespaces/headrace-system/secrets/provider"


async def test_a_secret_that_is_not_there_says_so_without_a_value(setting):
    with pytest.raises(SecretMissingError, match="no key 'other'"):
        await setting.secrets.read("provider", "other")
    setting.secret = None
    with pytest.raises(SecretMissingError, match="cannot be read"):
        await setting.secrets.read("gone", "apiKey")


async def test_a_key_that_is_no_text_keeps_nobody_from_the_others(setting):
    setting.secret = {"data": {"apiKey": "c2Vj", "keystore": "/u3+7Q=="}}
    assert (await setting.secrets.read("provider", "apiKey")).get_secret_value() == "sec"
    with pytest.raises(SecretMissingError, match="'keystore' of Secret 'provider' is no text"):
        await setting.secrets.read("provider", "keystore")
