"""Faults come by suffix, header or post, and only where they were asked for."""

from __future__ import annotations

import pytest

from headrace_cli.mock.faults import Fault, FaultBook, FaultSyntaxError, from_mapping, parse

WRITTEN = {
    "a status": ("429", Fault("429")),
    "a status with a header": ("429;retry-after=2", Fault("429", retry_after=2.0)),
    "the n-th call": ("500;nth=2", Fault("500", nth=frozenset({2}))),
    "some calls": ("500;nth=1,3", Fault("500", nth=frozenset({1, 3}))),
    "a slow model": ("slow;latency=1.5;pace=10", Fault("slow", latency=1.5, pace=10.0)),
    "a cut": ("cut; after=3", Fault("cut", after=3)),
}
WRONG = {
    "an unknown kind": "sulk",
    "a status that is no error": "200",
    "a key nobody reads": "429;retry=2",
    "no value": "429;nth",
    "no number": "429;nth=first",
}


@pytest.mark.parametrize(("text", "want"), WRITTEN.values(), ids=WRITTEN)
def test_a_fault_reads_as_written(text, want):
    assert parse(text) == want


@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG)
def test_a_fault_nobody_understands_is_refused(text):
    with pytest.raises(FaultSyntaxError, match="must be"):
        parse(text)


def test_the_nth_call_alone_goes_wrong():
    book = FaultBook()
    met = [book.pick("m!500;nth=2", None, "") for _ in range(3)]
    assert [fault is not None for fault in met] == [False, True, False]


def test_calls_that_a_fault_does_not_apply_to_are_not_counted():
    book = FaultBook()
    book.post(from_mapping({"kind": "500", "nth": 1, "model": "big", "contains": "history"}))
    assert book.pick("small", None, "history") is None
    assert book.pick("big", None, "future") is None
    assert book.pick("big", None, "a history of rivers") is not None
    assert book.pick("big", None, "a history of rivers") is None


def test_suffix_goes_before_header_and_header_before_posted():
    book = FaultBook()
    book.post(Fault("503"))
    assert book.pick("m!429", "500", "").kind == "429"
    assert book.pick("m", "500", "").kind == "500"
    assert book.pick("m", None, "").kind == "503"
    book.forget()
    assert book.pick("m", None, "") is None
