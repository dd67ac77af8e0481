"""Every connection is judged, whatever an address looks like; nothing leaves otherwise."""

from __future__ import annotations

import asyncio
import socket
from ipaddress import ip_network

import pytest
import pytest_asyncio

from certificates import Authority
from headrace_gateway.webhooks import aiohttp_sender
from headrace_gateway.webhooks.aiohttp_sender import AiohttpSender
from headrace_gateway.webhooks.deliverer import Outcome, UndeliveredError
from headrace_gateway.webhooks.destinations import Destinations
from webhook_receiver import receiving

LOOPBACK = (ip_network("127.0.0.0/8"),)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("sender"))


@pytest_asyncio.fixture
async def receiver(authority):
    async with receiving(authority.server("receiver")) as heard:
        yield heard


async def outcome(url, destinations=None, ca=None):
    sender = AiohttpSender(destinations or Destinations(), ca)
    try:
        await sender.send(url, {"x-test": "1"}, b"{}")
    except UndeliveredError as exc:
        return exc.outcome
    finally:
        sender.close()
    return Outcome.DELIVERED


def named(monkeypatch, *addresses):
    """Let every name have these addresses."""
    calls = []

    def getaddrinfo(host, port, *_args, **_more):
        calls.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return calls


REFUSED = (
    "https://127.0.0.1/",
    "https://127.0.0.1:8443/hook",
    "https://[::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:a9fe:a9fe]/",
    "https://169.254.169.254/latest/meta-data",
    "https://10.0.0.1/",
    "https://8.8.8.8:22/",
    "https://localhost/",
    "http://8.8.8.8/",
    "HTTPS://8.8.8.8/",
    "ftp://8.8.8.8/",
)


@pytest.mark.parametrize("url", REFUSED)
async def test_nothing_is_sent_to(url, monkeypatch):
    monkeypatch.setattr(socket, "socket", None)  # whoever makes one fails otherwise
    assert await outcome(url) == Outcome.REFUSED


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "127.1", "0177.0.0.1"])
async def test_another_way_to_write_an_address_is_no_way_in(host):
    assert await outcome(f"https://{host}/") in {Outcome.REFUSED, Outcome.UNREACHABLE}


async def test_a_name_with_one_bad_address_is_refused(monkeypatch, authority, receiver):
    named(monkeypatch, "127.0.0.1", "10.0.0.1")
    here = Destinations(LOOPBACK, frozenset({receiver.port}))
    ca = authority.pair.certificate.read_text()
    assert await outcome(receiver.url, here, ca) == Outcome.REFUSED
    assert receiver.heard == []


async def test_a_name_is_resolved_once_for_each_message(monkeypatch, authority, receiver):
    calls = named(monkeypatch, "127.0.0.1")
    here = Destinations(LOOPBACK, frozenset({receiver.port}))
    ca = authority.pair.certificate.read_text()
    assert await outcome(receiver.url, here, ca) == Outcome.DELIVERED
    assert await outcome(receiver.url, here, ca) == Outcome.DELIVERED
    assert calls == ["localhost", "localhost"]
    assert [heard.asked_for for heard in receiver.heard] == ["localhost"] * 2


async def test_who_has_no_certificate_of_that_name_hears_nothing(monkeypatch, authority, receiver):
    named(monkeypatch, "127.0.0.1")
    here = Destinations(LOOPBACK, frozenset({receiver.port}))
    ca = authority.pair.certificate.read_text()
    url = f"https://acme.example:{receiver.port}/"
    assert await outcome(url, here, ca) == Outcome.UNREACHABLE
    assert await outcome(receiver.url, here) == Outcome.UNREACHABLE  # nobody known signed it
    assert receiver.heard == []


async def test_a_long_answer_is_not_read(authority):
    async with receiving(authority.server("long"), body=b"x" * 2**24) as receiver:
        here = Destinations(LOOPBACK, frozenset({receiver.port}))
        ca = authority.pair.certificate.read_text()
        url = f"https://127.0.0.1:{receiver.port}/"
        assert await outcome(url, here, ca) == Outcome.DELIVERED


async def test_who_does_not_answer_is_left_after_a_while(monkeypatch):
    monkeypatch.setattr(aiohttp_sender, "TIMEOUT_SECONDS", 0.05)
    gone = asyncio.Event()

    async def say_nothing(reader, writer):
        await reader.read(2**16)  # the greeting of TLS
        await gone.wait()
        writer.close()

    served = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    try:
        port = served.sockets[0].getsockname()[1]
        here = Destinations(LOOPBACK, frozenset({port}))
        assert await outcome(f"https://127.0.0.1:{port}/", here) == Outcome.TIMED_OUT
    finally:
        gone.set()
        served.close()
