"""The keys of issuers outside the cluster: how they are found, kept and given up."""

from __future__ import annotations

import asyncio

import httpx2 as httpx
import pytest

from headrace_gateway.errors import UnauthenticatedError, UnavailableError
from headrace_gateway.identity import issuer_keys
from headrace_gateway.identity.issuer_keys import DOCUMENT_BYTES
from oidc_scene import ISSUER, KEYS, NOW, THEIRS, Setting, jwk, token


@pytest.fixture
def setting():
    return Setting()


async def test_keys_are_read_once_for_all_who_come_at_once(setting):
    await asyncio.gather(*(setting.who(token(n=n)) for n in range(5)))
    assert setting.publisher.calls == [f"{ISSUER}/.well-known/openid-configuration", KEYS]


async def test_keys_are_read_where_the_configuration_says():
    setting = Setting(jwksUri="https://keys.acme.example/set")
    await setting.who(token())
    assert setting.publisher.calls == ["https://keys.acme.example/set"]


async def test_forged_ids_of_keys_cost_the_issuer_nothing(setting):
    await setting.who(token())
    for n in range(20):
        with pytest.raises(UnauthenticatedError):
            await setting.who(token(kid=f"k-{n + 9}"))
    assert setting.publisher.calls.count(KEYS) == 1


async def test_a_new_key_is_found(setting):
    await setting.who(token())
    setting.publisher.keys = {"keys": [jwk(THEIRS, "k-2")]}
    setting.time += 11
    assert (await setting.who(token(THEIRS, "k-2"))).tenant == "acme"


async def test_an_issuer_that_is_away_is_asked_less_and_less_often(setting):
    setting.publisher.away = True
    asked = []
    for second in range(0, 200, 2):
        setting.time = float(second)
        with pytest.raises(UnavailableError):
            await setting.who(token())
        asked.append(len(setting.publisher.calls))
    assert [n for n in range(1, 100) if asked[n] > asked[n - 1]] == [5, 15, 35, 65, 95]
    setting.publisher.away = False
    setting.time += 60
    assert (await setting.who(token())).tenant == "acme"


async def test_known_keys_serve_on_for_an_hour_and_then_nobody_gets_in(setting):
    await setting.who(token())
    setting.publisher.away = True
    setting.time = 3599.0
    assert (await setting.who(token(exp=NOW + 9000))).tenant == "acme"
    setting.time = 3601.0
    with pytest.raises(UnavailableError):
        await setting.who(token(exp=NOW + 9001))


UNREADABLE = {
    "a redirect": httpx.Response(302, headers={"location": "https://evil.example/keys"}),
    "a failure": httpx.Response(500),
    "no JSON": httpx.Response(200, text="<html>"),
    "a list": httpx.Response(200, json=[]),
    "a document without an end": httpx.Response(200, content=b" " * (DOCUMENT_BYTES + 1)),
}


@pytest.mark.parametrize("answer", UNREADABLE.values(), ids=UNREADABLE)
async def test_nobody_gets_in_while_the_issuer_answers_with(setting, answer):
    setting.publisher.answer = answer
    with pytest.raises(UnavailableError):
        await setting.who(token())
    assert not any("evil" in call for call in setting.publisher.calls)


async def test_an_issuer_that_sends_a_byte_now_and_then_is_given_up(setting, monkeypatch):
    async def drip():
        yield b"{"
        await asyncio.Event().wait()

    monkeypatch.setattr(issuer_keys, "TIMEOUT_SECONDS", 0.01)
    setting.publisher.answer = httpx.Response(200, content=drip())
    async with asyncio.timeout(5):
        with pytest.raises(UnavailableError):
            await setting.who(token())


DISCOVERED = {
    "another issuer": {"issuer": "https://evil.example", "jwks_uri": KEYS},
    "no address": {"issuer": ISSUER},
    "an address in the clear": {"issuer": ISSUER, "jwks_uri": "http://login.acme.example/keys"},
    "a file": {"issuer": ISSUER, "jwks_uri": "file:///etc/passwd"},
}


@pytest.mark.parametrize("document", DISCOVERED.values(), ids=DISCOVERED)
async def test_no_keys_are_read_where_discovery_names(setting, document):
    setting.publisher.discovery = document
    with pytest.raises(UnavailableError):
        await setting.who(token())
    assert len(setting.publisher.calls) == 1
