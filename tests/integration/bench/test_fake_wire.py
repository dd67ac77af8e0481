"""The fake API server of B1 over the wire: lists, watches that replay, writes that take a while."""

from __future__ import annotations

import contextlib
import http.client
import json
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "bench"))

import b1_sides as sides

MAPS = "/api/v1/namespaces/a/configmaps"


def config_map(name, **labels):
    metadata = {"name": name, "namespace": "a", "labels": labels}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {}}


@pytest.fixture
def api(tmp_path):
    with sides.fake_api(tmp_path, 0.0) as server:
        yield server


@contextlib.contextmanager
def watched(api, path):
    connection = http.client.HTTPConnection(api.url.removeprefix("http://"), timeout=10)
    connection.request("GET", path)
    with contextlib.closing(connection), connection.getresponse() as stream:
        yield (json.loads(line) for line in stream)


def test_a_watch_replays_every_event_after_its_version_and_goes_on(api):
    api.request("POST", MAPS, config_map("before"))
    version = api.request("GET", MAPS)[1]["metadata"]["resourceVersion"]
    for name in ("one", "two"):
        api.request("POST", MAPS, config_map(name))
    with watched(api, f"{MAPS}?watch=true&resourceVersion={version}") as events:
        assert [next(events)["object"]["metadata"]["name"] for _ in range(2)] == ["one", "two"]
        api.request("PATCH", f"{MAPS}/before?fieldManager=x", config_map("before", new="yes"))
        told = next(events)
    assert (told["type"], told["object"]["metadata"]["name"]) == ("MODIFIED", "before")


def test_a_list_and_a_watch_keep_to_their_labels(api):
    for name, labels in {"one": {"x": "1"}, "two": {"x": "2"}, "three": {}}.items():
        api.request("POST", MAPS, config_map(name, **labels))
    for selector, names in {"x=1": ["one"], "x": ["one", "two"], "x=2,x": ["two"]}.items():
        query = f"labelSelector={selector}"
        listed = api.request("GET", f"/api/v1/configmaps?{query}")[1]["items"]
        assert [one["metadata"]["name"] for one in listed] == names
        with watched(api, f"{MAPS}?watch=true&resourceVersion=0&{query}") as events:
            assert next(events)["object"]["metadata"]["name"] == names[0]


def test_writes_are_counted_and_refusals_have_their_codes(api):
    assert api.request("POST", MAPS, config_map("one"))[0] == 201
    assert api.request("POST", MAPS, config_map("one"))[0] == 409
    assert api.request("GET", f"{MAPS}/two")[0] == 404
    assert api.request("GET", "/apis/nobody/v1/things")[0] == 404
    assert api.writes() == {"configmaps": 2}


def test_a_write_may_take_a_while_and_a_read_does_not(tmp_path):
    with sides.fake_api(tmp_path, 200.0) as slow:
        began = time.monotonic()
        slow.request("POST", MAPS, config_map("one"))
        wrote = time.monotonic()
        slow.request("GET", MAPS)
        assert wrote - began >= 0.2 > time.monotonic() - wrote
