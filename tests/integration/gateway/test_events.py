"""What happens to a run, as server-sent events."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager

import pytest

from gateway_provider import FRAMES, Provider, stream
from gateway_scene import listening, scene, until


@pytest.fixture
async def door(ledger_server):
    async with scene(ledger_server, []) as made:
        yield made


def parse(frame: str) -> dict:
    fields = dict(line.split(": ", 1) for line in frame.splitlines() if not line.startswith(":"))
    if "data" in fields:
        fields["data"] = json.loads(fields["data"])
    return fields


@asynccontextmanager
async def events(door, run, **options):
    """Yield an iterator over the frames of a run."""

    async def frames(answer):
        rest = ""
        async for text in answer.aiter_text():
            *whole, rest = (rest + text).split("\n\n")
            for frame in whole:
                yield parse(frame)

    async with (
        asyncio.timeout(20),
        door.http.stream("GET", f"{door.runs}/{run}/events", **options) as answer,
    ):
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/event-stream"
        yield frames(answer)


async def finish(door) -> None:
    (lease,) = await door.claim("e-1", wait=5)
    await door.complete(lease, 1, "e-d-1")
    (lease,) = await door.claim("e-2", wait=5)
    await door.complete(lease, {"text": "The end."}, "e-d-2")


async def test_events_come_as_they_happen_and_the_stream_ends_with_the_run(door):
    run = await door.run_id()
    async with events(door, run) as frames:
        assert (await anext(frames))["retry"] == "1000"
        working = asyncio.ensure_future(finish(door))
        seen = [frame async for frame in frames]
        await working
    kinds = [frame["event"] for frame in seen]
    assert kinds[0] == "run.accepted"
    assert kinds[-1] == "run.finished"
    assert kinds.count("step.started") == kinds.count("step.finished") == 2
    assert [int(frame["id"]) for frame in seen] == list(range(1, len(seen) + 1))
    last = [frame for frame in seen if frame["event"] == "step.finished"][-1]
    assert last["data"]["data"] == {"output": {"text": "The end."}}


async def test_a_client_resumes_after_the_last_event_that_it_saw(door):
    run = await door.run_id()
    await finish(door)
    async with events(door, run, headers={"last-event-id": "3"}) as frames:
        seen = [frame async for frame in frames if "id" in frame]
    assert int(seen[0]["id"]) == 4
    assert seen[-1]["event"] == "run.finished"


async def test_a_client_who_saw_it_all_gets_an_end_and_no_more(door):
    run = await door.run_id()
    await finish(door)
    async with events(door, run, headers={"last-event-id": "99"}) as frames:
        assert [frame async for frame in frames if "id" in frame] == []


async def test_the_place_to_resume_from_must_be_a_number(door):
    run = await door.run_id()
    answer = await door.http.get(f"{door.runs}/{run}/events", headers={"last-event-id": "x"})
    assert answer.status_code == 400


async def test_a_cancelled_run_ends_its_stream(door):
    run = await door.run_id()
    async with events(door, run) as frames:
        await anext(frames)
        await door.http.post(f"{door.runs}/{run}/cancel")
        kinds = [frame["event"] async for frame in frames if "event" in frame]
    assert kinds[-1] in ("run.cancelled", "run.finished")


async def test_tokens_are_shown_to_who_listens_without_a_number(ledger_server):
    hold = asyncio.Event()
    provider = Provider(stream(FRAMES[0], *FRAMES[1:], hold=hold))
    async with listening(provider) as url, scene(ledger_server, [url]) as door:
        run = await door.run_id()
        await door.claim("m-1")
        async with events(door, run) as frames:
            await anext(frames)
            asking = asyncio.ensure_future(door.chat(door.key("m-1"), stream=True))
            async for frame in frames:
                if frame.get("event") == "token":
                    break
            assert frame["data"] == {"step": "outline", "text": "Hel"}
            assert "id" not in frame
            hold.set()
            assert (await anext(frames))["data"] == {"step": "outline", "text": "lo."}
            await asking
        await until(lambda: not door.app.world.deltas.wanted(run))


async def test_a_workers_progress_is_shown_to_who_listens(door):
    run = await door.run_id()
    (lease,) = await door.claim("p-1")
    async with events(door, run) as frames:
        await anext(frames)
        said = {"task": lease["task"], "fence": lease["fence"], "text": "half way"}
        answer = await door.http.post("/v1/work/progress", json=said)
        assert answer.status_code == 204
        async for frame in frames:
            if frame.get("event") == "progress":
                break
    assert frame["data"] == {"step": "outline", "text": "half way"}


async def test_a_stopping_gateway_ends_the_stream_so_that_the_client_comes_back(door):
    run = await door.run_id()
    async with events(door, run) as frames:
        assert "retry" in await anext(frames)
        assert (await anext(frames))["event"] == "run.accepted"
        door.app.stop()
        assert [frame async for frame in frames] == []
