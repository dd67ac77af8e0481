"""The client of the gateway: what goes out, and what foreign errors become."""

from __future__ import annotations

import asyncio
import http.client
import json
import random
import socket
import ssl

import aiohttp
import pytest
from pydantic import SecretStr

from headrace_contract.failures import ErrorClass
from headrace_contract.names import MODEL_BODY_BYTES
from headrace_contract.protocol import (
    ClaimRequest,
    HeartbeatRequest,
    Held,
    ProgressRequest,
    Slot,
)
from headrace_worker.connect import connect
from headrace_worker.door import HttpDoor, door_errors
from headrace_worker.errors import (
    DoorError,
    DoorRefusedError,
    DoorUnavailableError,
    StepFailedError,
)
from headrace_worker.models import HttpModels
from headrace_worker.plain import plain_errors
from headrace_worker.retry import Insist
from headrace_worker.session import session_errors
from headrace_worker.steps.call import Ask, ask
from worker_server import Reply, Site, serving, streamed

CLAIM = ClaimRequest(
    request_id="r1",
    worker="w1",
    namespace="team",
    pipeline="essay",
    pool="main",
    step_types=["LLM"],
    slots=[Slot(key_hash="0" * 64)],
)
KEY = SecretStr("k" * 64)


def every_kind_of(kind):
    return [kind, *(each for child in kind.__subclasses__() for each in every_kind_of(child))]


SYSTEM_ERRORS = [
    ConnectionRefusedError,
    ConnectionResetError,
    BrokenPipeError,
    TimeoutError,
    socket.gaierror,
    ssl.SSLCertVerificationError,
]
UNFIT = (ValueError, http.client.InvalidURL)
EDGES = {
    "the standard library": (plain_errors, http.client.HTTPException),
    "aiohttp": (session_errors, aiohttp.ClientError),
}
CASES = [
    pytest.param(edge, kind, id=f"{name}: {kind.__name__}")
    for name, (edge, base) in EDGES.items()
    for kind in sorted({*every_kind_of(base), *SYSTEM_ERRORS, UnicodeEncodeError}, key=repr)
]


@pytest.mark.parametrize(("edge", "kind"), CASES)
def test_no_error_of_a_client_gets_out(edge, kind):
    error = kind.__new__(kind)
    Exception.__init__(error, "x")
    ours = DoorRefusedError if issubclass(kind, UNFIT) else DoorUnavailableError
    with pytest.raises(ours), door_errors(), edge():
        raise error


@pytest.fixture
def site():
    with serving(Site()) as site:
        yield site


@pytest.fixture
async def door(site):
    door = HttpDoor(site.url, lambda: "token")
    yield door
    await door.close()


@pytest.fixture
async def models(site):
    models = HttpModels(site.url, Insist(random.Random(1), first=0.001))
    yield models
    await models.close()


async def test_a_claim_goes_out_in_camel_case_with_the_token(site, door):
    site.reply("/v1/work/claim", Reply(b'{"leases": [], "later": "unknown fields are ignored"}'))
    assert (await door.claim(CLAIM)).leases == []
    sent = site.requests[0]
    assert json.loads(sent.body)["requestId"] == "r1"
    assert sent.headers["authorization"] == "Bearer token"


async def test_the_token_is_read_for_each_request(site):
    tokens = iter(["one", "two", ""])
    site.reply("/v1/work/claim", Reply(b'{"leases": []}'))
    door = HttpDoor(site.url, lambda: next(tokens))
    for _ in range(3):
        await door.claim(CLAIM)
    await door.close()
    sent = [request.headers.get("authorization") for request in site.requests]
    assert sent == ["Bearer one", "Bearer two", None]


async def test_a_token_that_is_not_there_yet_is_waited_for(tmp_path):
    door = HttpDoor("http://127.0.0.1:9", (tmp_path / "token").read_text)
    with pytest.raises(DoorUnavailableError, match="FileNotFoundError"):
        await door.claim(CLAIM)
    await door.close()


async def test_a_heartbeat_is_sent_without_the_event_loop(site, door):
    site.reply(
        "/v1/work/heartbeat",
        Reply(b'{"leases": [{"task": "t", "fence": 1, "outcome": "Held"}], "leaseSeconds": 30}'),
    )
    request = HeartbeatRequest(worker="w", leases=[Held(task="t", fence=1)])
    assert door.heartbeat(request).leases[0].outcome == "Held"
    site.reply("/v1/work/heartbeat", Reply(status=503))
    with pytest.raises(DoorUnavailableError):
        door.heartbeat(request)


async def test_progress_needs_no_answer(site, door):
    site.reply("/v1/work/progress", Reply(b"", 204))
    await door.progress(ProgressRequest(task="t", fence=1, text="half"))


STATUSES = {
    400: DoorRefusedError,
    401: DoorRefusedError,
    403: DoorRefusedError,
    404: DoorRefusedError,
    408: DoorUnavailableError,
    413: DoorRefusedError,
    422: DoorRefusedError,
    429: DoorUnavailableError,
    500: DoorUnavailableError,
    502: DoorUnavailableError,
    503: DoorUnavailableError,
    504: DoorUnavailableError,
    302: DoorRefusedError,
}


@pytest.mark.parametrize(("status", "error"), STATUSES.items())
async def test_what_a_status_means(site, door, status, error):
    body = b'{"reason": "NotNow", "title": "Not now."}'
    site.reply("/v1/work/claim", Reply(body, status, {"retry-after": "3"}))
    with pytest.raises(error, match="NotNow") as caught:
        await door.claim(CLAIM)
    if error is DoorUnavailableError:
        assert caught.value.retry_after == 3
    else:
        assert caught.value.status == status


async def test_an_answer_that_is_none_is_an_error_of_the_door(site, door):
    site.reply("/v1/work/claim", Reply(b'{"leases": 3}'))
    with pytest.raises(DoorError):
        await door.claim(CLAIM)


async def test_nobody_there_is_unavailable():
    door = HttpDoor("http://127.0.0.1:9", lambda: "token")
    with pytest.raises(DoorUnavailableError, match="ConnectionRefusedError"):
        await door.claim(CLAIM)
    await door.close()


async def test_insisting_ends_with_the_gateway_coming_back_or_with_a_cancellation():
    tries = []

    async def call():
        tries.append(1)
        if len(tries) < 4:
            message = "away"
            raise DoorUnavailableError(message)
        return "back"

    assert await Insist(random.Random(1), first=0.001)(call) == "back"
    assert len(tries) == 4
    tries.clear()
    waiting = asyncio.create_task(Insist(random.Random(1), first=60)(call))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def chat(models, body=None):
    chunks = models.chat(KEY, body or {"model": "small"}, traceparent="00-a-b-01")
    return [chunk async for chunk in chunks]


async def test_a_stream_is_yielded_by_chunks_up_to_its_end_mark(site, models):
    site.reply("/v1/chat/completions", streamed("It ", "flows."))
    chunks = await chat(models)
    assert [c["choices"][0]["delta"].get("content") for c in chunks] == ["It ", "flows.", None]
    sent = site.requests[0]
    assert sent.headers["authorization"] == f"Bearer {KEY.get_secret_value()}"
    assert sent.headers["traceparent"] == "00-a-b-01"


async def test_a_ledger_that_is_away_is_waited_for_since_no_model_was_called(site, models):
    away = Reply(b'{"reason": "Unavailable"}', 503, {"retry-after": "0"})
    site.reply("/v1/chat/completions", away, away, streamed("Yes."))
    assert len(await chat(models)) == 2
    assert len(site.requests) == 3


async def test_a_providers_503_is_the_providers_and_not_tried_again_here(site, models):
    headers = {"x-headrace-error-class": "ProviderError"}
    site.reply("/v1/chat/completions", Reply(b"{}", 503, headers))
    with pytest.raises(StepFailedError) as caught:
        await chat(models)
    assert caught.value.error_class is ErrorClass.PROVIDER_ERROR
    assert len(site.requests) == 1


async def test_a_stream_that_breaks_is_an_interruption(site, models):
    reply = streamed("It ", finish=None)
    reply.cut = True
    site.reply("/v1/chat/completions", reply)
    with pytest.raises(StepFailedError) as caught:
        await chat(models)
    assert caught.value.error_class is ErrorClass.INTERRUPTED


def of_size(size):
    """A body that has so many bytes on the wire, some of its letters taking two."""
    empty = {"model": "small", "messages": [{"role": "user", "content": "ü"}]}
    length = len(json.dumps(empty, ensure_ascii=False, separators=(",", ":")).encode())
    empty["messages"][0]["content"] += "x" * (size - length)
    return empty


async def test_what_the_gateway_would_cut_off_is_not_sent(site, models):
    site.reply("/v1/chat/completions", streamed("Yes."))
    await chat(models, of_size(MODEL_BODY_BYTES))
    assert len(site.requests[0].body) == MODEL_BODY_BYTES
    with pytest.raises(StepFailedError, match=r"4194305 bytes.* 4194304 at most") as caught:
        await chat(models, of_size(MODEL_BODY_BYTES + 1))
    assert caught.value.error_class is ErrorClass.BAD_REQUEST
    assert len(site.requests) == 1


async def test_a_child_does_not_send_it_either(site):
    what = Ask("small", ({"role": "user", "content": "x" * MODEL_BODY_BYTES},), 9)
    with pytest.raises(StepFailedError, match="4194304 at most") as caught:
        await asyncio.to_thread(ask, site.url, "key", what)
    assert caught.value.error_class is ErrorClass.BAD_REQUEST
    assert site.requests == []


async def test_a_key_is_in_no_error_and_no_repr(site, models):
    site.reply("/v1/chat/completions", Reply(b"{}", 400))
    with pytest.raises(StepFailedError) as caught:
        await chat(models)
    assert KEY.get_secret_value() not in repr(caught.value) + str(caught.value) + repr(KEY)


async def test_the_real_world_makes_keys_of_256_bits_that_never_repeat():
    world = connect("http://127.0.0.1:9/", lambda: "", {})
    keys = {world.new_key() for _ in range(1000)}
    assert len(keys) == 1000
    assert {len(bytes.fromhex(key)) for key in keys} == {32}
    assert world.base_url == "http://127.0.0.1:9/v1"
    await world.close()
