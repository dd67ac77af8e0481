"""The newest version wins, whoever brings it."""

from __future__ import annotations

import make
from headrace_operator.reconcile.cache import Cache, key_of, owner_of

PARENT = make.pipeline()


def child(version="2", uid="uid-1", name="essay-x", **labels):
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": name,
            "namespace": "team-a",
            "uid": uid,
            "resourceVersion": version,
            "labels": {"headrace.dev/pipeline": "essay"} | labels,
        },
    }


def test_an_echo_is_no_news():
    cache = Cache()
    assert cache.saw(child("2"))
    assert not cache.saw(child("2"))
    assert not cache.saw(child("1"))
    assert cache.saw(child("10"))  # a number, not a text


def test_another_object_of_the_same_name_is_news():
    cache = Cache()
    cache.saw(child("9", uid="uid-1"))
    assert cache.saw(child("3", uid="uid-2"))
    assert not cache.lost(key_of(child()), "uid-1")
    assert cache.get(key_of(child()))["metadata"]["uid"] == "uid-2"


def test_an_answer_that_comes_after_the_deletion_raises_no_ghost():
    cache = Cache()
    cache.saw(child("2"))
    assert cache.lost(key_of(child()), "uid-1")
    assert not cache.saw(child("3"))
    assert cache.get(key_of(child())) is None


def test_what_was_lost_with_its_label_and_got_it_back_is_there_again():
    cache = Cache()
    cache.saw(child("2"))
    assert cache.lost(key_of(child()), "uid-1", 4)
    assert not cache.saw(child("3"))
    assert not cache.saw(child("4"))
    assert cache.saw(child("5"))
    assert not cache.saw(child("5"))


def test_children_are_found_by_our_label():
    cache = Cache()
    cache.saw(child(name="b", uid="b"))
    cache.saw(child(name="a", uid="a"))
    assert [one["metadata"]["name"] for one in cache.children(key_of(PARENT))] == ["a", "b"]
    cache.lost(key_of(child(name="a")), "a")
    cache.lost(key_of(child(name="b")), "b")
    assert cache.children(key_of(PARENT)) == []
    assert cache.count("ConfigMap") == 0


def test_what_users_write_has_no_owner_whatever_labels_it_has():
    labelled = make.pipeline(metadata={"labels": {"headrace.dev/pipeline": "other"}})
    assert owner_of(labelled) is None
    assert owner_of(child()) == key_of(PARENT)


def test_what_is_handed_out_is_a_copy():
    cache = Cache()
    cache.saw(child())
    cache.get(key_of(child()))["metadata"]["name"] = "changed"
    assert cache.get(key_of(child()))["metadata"]["name"] == "essay-x"
