"""Alive is not ready, and ready means: able to see."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from types import SimpleNamespace

import pytest
from yarl import URL

from headrace_operator.errors import ClusterUnavailableError
from headrace_operator.model.resource import CHILDREN, OURS
from headrace_operator.watch import keeper
from headrace_operator.watch import watchdog as module
from headrace_operator.watch.logs import configure
from headrace_operator.watch.probes import Health, application, measure
from headrace_operator.watch.pulse import Pulse
from headrace_operator.watch.watchdog import BlindError, watchdog
from worlds import globe


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


class Stream:
    def __init__(self):
        self.content = SimpleNamespace(total_bytes=0)


async def opened(pulse, path, query="?watch=true"):
    stream = Stream()

    async def handler(request):
        return stream

    await pulse.middleware(SimpleNamespace(url=URL(f"https://api{path}{query}")), handler)
    return stream


async def pong() -> None: ...


async def healthy():
    clock, one = Clock(), globe()
    pulse = Pulse(clock)
    streams = {
        resource.plural: await opened(pulse, resource.path()) for resource in (*OURS, *CHILDREN)
    }
    await one.leadership.take(one.world.now)
    health = Health(one.world, pulse, one.leadership, pong, primed=True, ledger=True)
    return health, clock, streams


async def test_it_is_ready_when_it_sees():
    health, _, _ = await healthy()
    assert await health.complaint() is None


async def test_a_bookmark_is_a_sign_of_life():
    health, clock, streams = await healthy()
    clock.now += 70
    for stream in streams.values():
        stream.content.total_bytes += 100
    assert health.oldest() == 0
    clock.now += 70
    assert await health.complaint() is None


async def test_one_silent_watch_is_enough_to_be_blind():
    health, clock, streams = await healthy()
    clock.now += 76
    for plural, stream in streams.items():
        if plural != "configmaps":
            stream.content.total_bytes += 100
    assert await health.complaint() == "a watch hears nothing"
    streams["configmaps"].content.total_bytes += 1
    assert await health.complaint() is None


async def test_a_watch_that_never_began_is_blindness_too():
    health, _, _ = await healthy()
    fresh = Health(health.world, Pulse(Clock()), health.leadership, pong, primed=True, ledger=True)
    assert await fresh.complaint() == "a watch hears nothing"


async def looked(monkeypatch, pulse, times):
    """Wait until the keeper has looked so often, which is more than it needs to be sure."""
    looks, enough, unbegun = [], asyncio.Event(), pulse.unbegun

    def look(wanted):
        looks.append(wanted)
        if len(looks) == times:
            enough.set()
        return unbegun(wanted)

    with monkeypatch.context() as patch:
        patch.setattr(pulse, "unbegun", look)
        await asyncio.wait_for(enough.wait(), 5)


async def test_a_kind_that_was_overlooked_is_noticed(monkeypatch):
    monkeypatch.setattr(keeper, "LOOK_EVERY", 0.001)
    health, _, _ = await healthy()
    nothing = asyncio.create_task(keeper.overlooked(health, 0.003))
    await looked(monkeypatch, health.pulse, 5)
    assert not nothing.done()
    health.pulse.forget("scaledobjects")
    assert await asyncio.wait_for(nothing, 5) == {"scaledobjects"}


async def test_a_kind_that_is_not_served_is_not_missed(monkeypatch):
    monkeypatch.setattr(keeper, "LOOK_EVERY", 0.001)
    health, _, _ = await healthy()
    health.world.board.keda = False
    looking = asyncio.create_task(keeper.overlooked(health, 0.003))
    await looked(monkeypatch, health.pulse, 5)
    assert not looking.done()
    assert "/apis/keda.sh/v1alpha1/scaledobjects" not in health.pulse.ages()
    looking.cancel()


async def test_without_keda_nobody_misses_its_watch():
    health, _, _ = await healthy()
    pulse = Pulse(Clock())
    for resource in (*OURS, *CHILDREN[:-1]):
        await opened(pulse, resource.path())
    health.world.board.keda = False
    fresh = Health(health.world, pulse, health.leadership, pong, primed=True, ledger=True)
    assert await fresh.complaint() is None
    health.world.board.keda = True
    assert await fresh.complaint() == "a watch hears nothing"


async def test_other_requests_are_no_watches():
    pulse = Pulse(Clock())
    await opened(pulse, "/api/v1/configmaps", "?limit=500")
    assert pulse.ages() == {}


COMPLAINTS = {
    "before the first list": ({"primed": False}, "the cluster has not been listed yet"),
    "before the ledger": ({"ledger": False}, "the ledger has not answered yet"),
}


@pytest.mark.parametrize(("changes", "want"), COMPLAINTS.values(), ids=COMPLAINTS)
async def test_it_is_not_ready(changes, want):
    health, _, _ = await healthy()
    for name, value in changes.items():
        setattr(health, name, value)
    assert (await health.complaint()).startswith(want)


async def test_it_is_not_ready_when_the_api_server_does_not_answer():
    health, _, _ = await healthy()

    async def silence():
        raise ClusterUnavailableError("away")  # noqa: EM101 -- said by a fake

    health.ping = silence
    assert await health.complaint() == "the API server does not answer"


async def test_the_watchdog_bites_only_when_the_api_server_answers(monkeypatch):
    monkeypatch.setattr(module, "LOOK_EVERY", 0.001)
    health, clock, _ = await healthy()
    pings = 0

    async def ping():
        nonlocal pings
        pings += 1
        if pings < 3:
            raise ClusterUnavailableError("away")  # noqa: EM101 -- said by a fake

    health.ping = ping
    clock.now += 181
    with pytest.raises(BlindError):
        await asyncio.wait_for(watchdog(health), 5)
    assert pings == 3


async def test_alive_is_not_ready():
    health, _, _ = await healthy()
    health.primed = False
    app = application(health)
    answers = {}
    for route in app.router.routes():
        if route.method == "GET":
            answers[route.resource.canonical] = await route.handler(None)
    assert answers["/healthz"].status == 200
    assert answers["/readyz"].status == 503
    assert b"headrace_operator_queue_keys" in answers["/metrics"].body


async def test_no_label_of_a_metric_names_an_object():
    health, _, _ = await healthy()
    measure(health)
    for metric in health.world.metrics.registry.collect():
        for sample in metric.samples:
            assert set(sample.labels) <= {"kind", "reason", "verb", "resource", "code", "le"}


@pytest.fixture
def root():
    logger = logging.getLogger()
    handlers, level = logger.handlers[:], logger.level
    yield logger
    logger.handlers[:] = handlers
    logger.setLevel(level)


def test_a_line_is_a_sentence_and_fields(root):
    out = io.StringIO()
    configure(out, "INFO", "auto")
    extra = {"kind": "AgentPipeline", "namespace": "n", "object": "essay", "reason": "Forbidden"}
    logging.getLogger("headrace_operator").info("A pass failed.", extra={**extra, "secret": "s3"})
    line = json.loads(out.getvalue())
    assert line["event"] == "A pass failed."
    assert (line["kind"], line["namespace"], line["name"], line["reason"]) == (
        "AgentPipeline",
        "n",
        "essay",
        "Forbidden",
    )
    assert "s3" not in out.getvalue()


def test_the_framework_is_quiet_unless_something_is_wrong(root):
    out = io.StringIO()
    configure(out, "INFO", "json")
    logging.getLogger("kopf.objects").info("Handler 'x' succeeded.")
    assert out.getvalue() == ""
    logging.getLogger("kopf.reactor").error("broken")
    assert "broken" in out.getvalue()
