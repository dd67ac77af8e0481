"""The gateway's client: resumes streams, pages lists, and lets no foreign error out."""

from __future__ import annotations

import httpx2
import pytest
from pydantic import SecretStr

from cli_gateway import RUN, FakeGateway, event, run_view, token
from headrace_cli.client import GatewayClient, connect, refused
from headrace_cli.errors import CliError, GatewayUnreachableError, RefusedError

WHERE = ("ns", "draft", RUN)


async def told(fake):
    async with fake.connect("") as client:
        return [each async for each in client.events(*WHERE)]


async def test_a_dropped_stream_is_taken_up_where_it_ended():
    broken = httpx2.RemoteProtocolError("peer closed connection")
    fake = FakeGateway(
        streams=[
            [event(1, "run.accepted"), token("a", "hi"), broken],
            [event(2, "step.started", "a"), event(3, "run.finished", status="Succeeded")],
        ],
        run=run_view("Running"),
    )
    types = [each.type for each in await told(fake)]
    assert types == ["run.accepted", "token", "step.started", "run.finished"]
    streams = [one for one in fake.asked if one.url.path.endswith("/events")]
    assert [one.headers.get("last-event-id") for one in streams] == [None, "1"]


async def test_a_stream_that_ends_after_the_last_event_is_the_end():
    fake = FakeGateway(streams=[[event(1, "run.accepted")]])
    assert [each.type for each in await told(fake)] == ["run.accepted"]


async def test_a_stream_that_never_lasts_is_given_up():
    fake = FakeGateway(streams=[[] for _ in range(50)], run=run_view("Running"))
    with pytest.raises(GatewayUnreachableError, match="again and again"):
        await told(fake)


async def test_a_list_is_read_page_by_page_up_to_its_limit():
    page = {"items": [run_view()] * 100, "nextCursor": "c"}
    fake = FakeGateway(pages=[page, {"items": [run_view()] * 50}])
    async with fake.connect("") as client:
        assert len(await client.runs("ns", "draft", "Failed", 150)) == 150
    first, second = (dict(one.url.params) for one in fake.asked)
    assert first == {"status": "Failed", "limit": "100"}
    assert second == {"status": "Failed", "limit": "50", "cursor": "c"}


@pytest.mark.parametrize("error", [httpx2.ConnectError, httpx2.ReadTimeout, httpx2.PoolTimeout])
async def test_no_transport_error_gets_out(error):
    def fail(_request):
        raise error(error.__name__)

    async with httpx2.AsyncClient(
        transport=httpx2.MockTransport(fail), base_url="http://gateway"
    ) as http:
        client = GatewayClient(http)
        with pytest.raises(GatewayUnreachableError, match="http://gateway"):
            await client.run(*WHERE)
        with pytest.raises(GatewayUnreachableError, match="http://gateway"):
            [each async for each in client.events(*WHERE)]


REFUSALS = {
    "a problem": (
        {"title": "No.", "reason": "NotFound", "status": 404}, "No. (NotFound)"),
    "a problem with places": (
        {"title": "No.", "reason": "Invalid", "problems": [{"path": "input.x", "message": "bad"}]},
        "No.\n  input.x: bad (Invalid)"),
    "something else": (["?"], "the gateway refused (404)"),
}  # fmt: skip


@pytest.mark.parametrize(("body", "want"), REFUSALS.values(), ids=REFUSALS)
def test_a_refusal_is_told_in_the_gateways_words(body, want):
    error = refused(httpx2.Response(404, json=body))
    assert isinstance(error, RefusedError)
    assert str(error) == want


async def test_a_key_is_sent_and_never_shown(monkeypatch):
    monkeypatch.setenv("HEADRACE_API_KEY", "hr_secret")
    async with connect("http://x") as client:
        assert client.http.headers["authorization"] == "Bearer hr_secret"
        assert "hr_secret" not in repr(client.http.headers)
    async with connect("http://x", SecretStr("other")) as client:
        assert client.http.headers["authorization"] == "Bearer other"
    monkeypatch.delenv("HEADRACE_API_KEY")
    async with connect("http://x") as client:
        assert "authorization" not in client.http.headers


def test_every_failure_is_a_cli_error():
    assert issubclass(RefusedError, CliError)
    assert issubclass(GatewayUnreachableError, CliError)
