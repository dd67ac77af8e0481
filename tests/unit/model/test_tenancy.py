"""Whose namespace is whose."""

from __future__ import annotations

import make
from headrace_operator.model.tenancy import holder, holdings


def tenant(name, namespaces=("team-a",), created="2026-01-01T00:00:00Z", **metadata):
    raw = make.tenant(name, namespaces, metadata={"creationTimestamp": created, **metadata})
    return make.parsed_tenant(raw)


OLD = tenant("old", ("team-a", "team-b"), "2026-01-01T00:00:00Z")
YOUNG = tenant("young", ("team-a", "team-c"), "2026-01-02T00:00:00Z")


def test_the_older_claim_wins():
    assert holder("team-a", [YOUNG, OLD]) == OLD
    assert holdings(YOUNG, [YOUNG, OLD]) == (("team-c",), {"team-a": "old"})
    assert holdings(OLD, [YOUNG, OLD]) == (("team-a", "team-b"), {})


def test_the_name_decides_between_twins():
    one, two = tenant("one"), tenant("two")
    assert holder("team-a", [two, one]) == holder("team-a", [one, two]) == one


def test_who_is_being_deleted_holds_nothing():
    leaving = tenant("old", deletionTimestamp="2026-01-03T00:00:00Z")
    assert holder("team-a", [leaving, YOUNG]) == YOUNG


def test_a_namespace_that_nobody_lists_has_no_holder():
    assert holder("nowhere", [OLD, YOUNG]) is None
