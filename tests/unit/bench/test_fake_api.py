"""The fake API server of B1 is held to what both operators rely on."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "bench"))

from b1_patches import Refusal
from b1_store import Change, Store

PLACE = ("AgentPipeline", "team-a", "essay")
BODY = {"metadata": {"name": "essay", "namespace": "team-a"}, "spec": {"a": 1, "b": {"c": 2}}}
OURS, THEIRS = Change("ours", force=True), Change("theirs")


def applied(store, spec, change=OURS):
    return json.loads(store.apply(PLACE, {**BODY, "spec": spec}, change))


def test_every_write_has_a_version_and_only_a_new_spec_a_generation():
    store = Store()
    first = json.loads(store.create(PLACE, BODY, THEIRS))
    labelled = json.loads(store.merge(PLACE, {"metadata": {"labels": {"x": "y"}}}, THEIRS))
    changed = json.loads(store.merge(PLACE, {"spec": {"a": 5}}, THEIRS))
    versions = [one["metadata"]["resourceVersion"] for one in (first, labelled, changed)]
    assert versions == ["1", "2", "3"]
    assert [one["metadata"]["generation"] for one in (first, labelled, changed)] == [1, 1, 2]
    assert changed["spec"] == {"a": 5, "b": {"c": 2}}
    assert changed["metadata"]["labels"] == {"x": "y"}


def test_a_write_that_changes_nothing_is_no_event():
    store = Store()
    applied(store, {"a": 1})
    events = len(store.log)
    applied(store, {"a": 1})
    store.merge(PLACE, {"spec": {"a": 1}}, THEIRS)
    assert len(store.log) == events


def test_what_is_no_longer_applied_goes_unless_another_one_owns_it():
    store = Store()
    applied(store, {"a": 1, "b": 2, "c": 3})
    applied(store, {"b": 2}, THEIRS)
    assert applied(store, {"c": 3})["spec"] == {"b": 2, "c": 3}


def test_what_another_one_owns_is_a_conflict_unless_forced():
    store = Store()
    applied(store, {"a": 1})
    with pytest.raises(Refusal) as refused:
        applied(store, {"a": 2}, THEIRS)
    assert refused.value.code == 409
    applied(store, {"a": 1}, THEIRS)  # the same value is shared
    assert applied(store, {"a": 3}, Change("theirs", force=True))["spec"] == {"a": 3}
    body = applied(store, {"z": 1})
    assert body["spec"] == {"a": 3, "z": 1}
    owners = {one["manager"]: one["fieldsV1"] for one in body["metadata"]["managedFields"]}
    assert owners == {"ours": {"f:spec": {"f:z": {}}}, "theirs": {"f:spec": {"f:a": {}}}}


STALE = {
    "an apply": lambda s: s.apply(PLACE, _stale(), OURS),
    "a merge patch": lambda s: s.merge(PLACE, _stale(), OURS),
    "an update": lambda s: s.replace(PLACE, _stale(), OURS),
}


def _stale():
    return {**BODY, "metadata": {**BODY["metadata"], "resourceVersion": "77"}}


@pytest.mark.parametrize("write", STALE.values(), ids=STALE)
def test_an_old_version_is_a_conflict(write):
    store = Store()
    store.create(PLACE, BODY, THEIRS)
    with pytest.raises(Refusal) as refused:
        write(store)
    assert refused.value.code == 409
    assert len(store.log) == 1


def test_a_json_patch_is_all_or_nothing():
    store = Store()
    store.create(PLACE, BODY, THEIRS)
    version = {"op": "test", "path": "/metadata/resourceVersion", "value": "1"}
    add = {"op": "add", "path": "/metadata/finalizers", "value": ["x/y"]}
    more = {"op": "add", "path": "/metadata/finalizers/-", "value": "x/z"}
    body = json.loads(store.edit(PLACE, [version, add, more], THEIRS))
    assert body["metadata"]["finalizers"] == ["x/y", "x/z"]
    with pytest.raises(Refusal) as refused:
        store.edit(PLACE, [{"op": "remove", "path": "/metadata/finalizers/0"}, version], THEIRS)
    assert refused.value.code == 422
    assert len(store.objects[PLACE].body["metadata"]["finalizers"]) == 2


def test_each_endpoint_writes_its_own_part():
    store = Store()
    store.create(PLACE, {**BODY, "status": {"no": 1}}, THEIRS)
    told = {**BODY, "spec": {"no": 1}, "status": {"yes": 1}}
    body = json.loads(store.apply(PLACE, told, Change("ours", "status", force=True)))
    assert (body["spec"], body["status"]) == (BODY["spec"], {"yes": 1})
    assert body["metadata"]["generation"] == 1
    body = json.loads(store.merge(PLACE, {"spec": {"a": 2}, "status": {"no": 1}}, THEIRS))
    assert (body["spec"]["a"], body["status"]) == (2, {"yes": 1})


def test_what_is_applied_at_one_endpoint_is_not_missed_at_the_other():
    store = Store()
    store.create(PLACE, BODY, THEIRS)
    finalized = {"metadata": {"name": "essay", "finalizers": ["x/y"]}}
    store.apply(PLACE, finalized, OURS)
    told = {"metadata": {"name": "essay"}, "status": {"a": 1, "b": 2}}
    store.apply(PLACE, told, Change("ours", "status", force=True))
    told["status"] = {"a": 1}
    body = json.loads(store.apply(PLACE, told, Change("ours", "status", force=True)))
    assert (body["metadata"]["finalizers"], body["status"]) == (["x/y"], {"a": 1})


def test_a_finalizer_keeps_what_is_deleted():
    store = Store()
    finalized = {**BODY, "metadata": {**BODY["metadata"], "finalizers": ["x/y"]}}
    store.create(PLACE, finalized, THEIRS)
    store.delete(PLACE, {})
    assert store.objects[PLACE].body["metadata"]["deletionTimestamp"]
    store.merge(PLACE, {"metadata": {"finalizers": None}}, THEIRS)
    assert PLACE not in store.objects
    assert store.log[-1].line.startswith(b'{"type":"DELETED"')
    with pytest.raises(Refusal) as refused:
        store.merge(PLACE, {}, THEIRS)
    assert refused.value.code == 404


def test_a_deletion_names_its_object():
    store = Store()
    store.create(PLACE, BODY, THEIRS)
    with pytest.raises(Refusal) as refused:
        store.delete(PLACE, {"preconditions": {"uid": "another"}})
    assert refused.value.code == 409
