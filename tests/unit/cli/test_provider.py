"""A provider with one model needs no `--model`; any other is told what to say."""

from __future__ import annotations

import httpx2
import pytest
from pydantic import SecretStr

from headrace_cli.errors import GivenError, LocalError
from headrace_cli.local.provider import only_model

ENDPOINT = "http://model.example/v1"


async def asked(answer, key=None):
    seen = []

    def handle(request):
        seen.append(request)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(handle)) as http:
        return await only_model(http, ENDPOINT, key), seen[0]


def listing(*names):
    return httpx2.Response(200, json={"data": [{"id": name} for name in names]})


async def test_the_only_model_is_taken_and_the_key_is_sent():
    name, request = await asked(listing("llama"), SecretStr("sk-1"))
    assert name == "llama"
    assert str(request.url) == f"{ENDPOINT}/models"
    assert request.headers["authorization"] == "Bearer sk-1"


async def test_several_models_are_named():
    with pytest.raises(GivenError, match="'a', 'b'"):
        await asked(listing("a", "b"))


WRONG = {
    "no such path": httpx2.Response(404),
    "no JSON": httpx2.Response(200, text="hello"),
    "another shape": httpx2.Response(200, json=["a"]),
    "nobody there": httpx2.ConnectError("refused"),
}


@pytest.mark.parametrize("answer", WRONG.values(), ids=WRONG)
async def test_what_lists_no_models_is_told(answer):
    with pytest.raises(LocalError, match="does not list models"):
        await asked(answer)
