"""kopf is an event source and nothing else."""

from __future__ import annotations

import itertools

import kopf

import make
from headrace_contract.names import FINALIZER
from headrace_operator.model.resource import CHILDREN, OURS
from headrace_operator.watch.framework import framework
from headrace_operator.watch.register import register
from worlds import PIPELINE, globe


def test_its_finalizer_is_none_of_ours():
    assert framework(lambda: 0.5).persistence.finalizer != FINALIZER


def test_it_keeps_nothing_on_objects_and_says_nothing_about_them():
    settings = framework(lambda: 0.5)
    assert settings.posting.enabled is False
    assert settings.peering.standalone is True
    storage = settings.persistence.diffbase_storage
    assert storage.fetch(body=kopf.Body(make.pipeline())) is None
    assert storage.build(body=kopf.Body(make.pipeline()), extra_fields=()) == {}
    for one in (storage, settings.persistence.progress_storage):
        assert one.prefix == "headrace.dev"


def test_its_time_outs_notice_a_watch_that_is_silent():
    watching = framework(lambda: 0.5).watching
    assert watching.inactivity_timeout <= 75
    assert (watching.server_timeout, watching.client_timeout) == (240, 300)
    assert watching.chunk_size == 500


def test_it_never_limits_its_workers():
    assert framework(lambda: 0.5).queueing.worker_limit is None


def test_it_never_gives_up_on_the_api_server():
    backoffs = framework(lambda: 1.0).networking.error_backoffs
    waits = list(itertools.islice(iter(backoffs), 100))
    assert waits[:4] == [1, 2, 4, 8]
    assert max(waits) == waits[-1] == 30
    assert next(iter(backoffs)) == 1  # each request begins anew


def test_children_are_watched_by_our_label_on_the_server():
    selectors = framework(lambda: 0.5).watching.label_selectors
    assert len(selectors) == len(CHILDREN)
    assert all("headrace.dev/pipeline" in selectors[key] for key in selectors)


def test_only_events_are_listened_to():
    registry = kopf.OperatorRegistry()
    register(registry, globe().world)
    assert len(registry._watching.get_all_handlers()) == len(OURS) + len(CHILDREN)
    for others in (registry._changing, registry._spawning, registry._indexing, registry._webhooks):
        assert not list(others.get_all_handlers())


async def handler(world, kind):
    registry = kopf.OperatorRegistry()
    register(registry, world)
    [found] = [
        one
        for one in registry._watching.get_all_handlers()
        if one.id == {"AgentPipeline": "agentpipelines", "ConfigMap": "configmaps"}[kind]
    ]
    return found.fn


async def test_an_event_becomes_a_key_once():
    world = globe().world
    fn = await handler(world, "AgentPipeline")
    for kind in (None, "ADDED", "MODIFIED"):
        await fn(event={"type": kind, "object": make.pipeline()})
    assert world.queue.depth() == 1
    async with world.queue.take() as key:
        assert key == PIPELINE


async def test_an_event_about_a_child_is_an_event_about_its_pipeline():
    world = globe().world
    fn = await handler(world, "ConfigMap")
    metadata = {
        "name": "x",
        "namespace": "team-a",
        "uid": "u",
        "resourceVersion": "1",
        "labels": {"headrace.dev/pipeline": "essay"},
    }
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
    await fn(event={"type": "ADDED", "object": body})
    async with world.queue.take() as key:
        assert key == PIPELINE
    await fn(event={"type": "DELETED", "object": body})
    assert world.queue.depth() == 1
    assert world.cache.count("ConfigMap") == 0
