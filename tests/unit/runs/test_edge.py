"""What comes in, what goes out, and what is kept of neither."""

from __future__ import annotations

import asyncio
import json
import os
import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from headrace_contract.api import RunView
from headrace_gateway.clock import fraction, uuid7
from headrace_gateway.edge.body import parse_json, walk
from headrace_gateway.edge.guard import translate
from headrace_gateway.edge.trace import child, keep_or_make
from headrace_gateway.errors import BadRequestError, GatewayError, InvalidError, NotFoundError
from headrace_gateway.openapi import OPERATIONS, description
from headrace_gateway.runs.deltas import MOST_TEXT, Deltas
from headrace_gateway.runs.events import event_frame, last_event_id
from headrace_gateway.runs.views import list_json, run_json
from headrace_gateway.runs.waiting import wait_seconds
from headrace_gateway.wake import Bell, Wakes
from headrace_ledger import errors as ledger_errors
from headrace_ledger.records import EventRecord, RunRecord, RunStatus, StepRecord

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

TRACES = {
    "is kept": (TRACE, True),
    "is made when absent": (None, False),
    "is made when it is nonsense": ("nonsense", False),
    "is made when the trace is zero": ("00-" + "0" * 32 + "-b7ad6b7169203331-01", False),
    "is made when the span is zero": (TRACE[:36] + "0" * 16 + "-01", False),
    "is made when the version is forbidden": ("ff" + TRACE[2:], False),
    "is made when it carries more": (TRACE + "-and more", False),
}


@pytest.mark.parametrize(("given", "kept"), TRACES.values(), ids=TRACES)
def test_a_trace(given, kept):
    found = keep_or_make(given, os.urandom)
    assert (found == given) is kept
    assert keep_or_make(found, os.urandom) == found, "what is made is well formed"


def test_a_model_call_is_a_span_of_its_own_in_the_same_trace():
    made = child(TRACE, os.urandom)
    assert made[:36] == TRACE[:36]
    assert made[36:52] != TRACE[36:52]
    assert made[-3:] == "-01"


def test_ids_sort_by_time_and_are_version_7():
    early, late = uuid7(NOW, os.urandom), uuid7(NOW + timedelta(milliseconds=1), os.urandom)
    assert early < late
    assert (early.version, early.variant) == (7, uuid.RFC_4122)
    assert uuid7(NOW, os.urandom) != uuid7(NOW, os.urandom)


def test_a_fraction_is_below_one():
    assert fraction(lambda n: b"\xff" * n) < 1
    assert fraction(lambda n: b"\0" * n) == 0


WAITS = {"": 0, "30s": 30, "1m": 60, "5": 5, "1h": 60}


@pytest.mark.parametrize(("given", "want"), WAITS.items())
def test_a_wait_is_a_duration_and_bounded(given, want):
    assert wait_seconds(given, 60.0) == want


@pytest.mark.parametrize("given", ["soon", "-1", "1.5s", "99999"])
def test_a_wait_is_refused(given):
    with pytest.raises(BadRequestError):
        wait_seconds(given, 60.0)


@pytest.mark.parametrize("given", ["-1", "x", "1.0", "9" * 19, "²"])
def test_a_place_in_the_events_is_refused(given):
    with pytest.raises(BadRequestError):
        last_event_id(given)


def test_large_numbers_and_odd_characters_are_found_without_recursion():
    deep: list = []
    for _ in range(100_000):
        deep = [deep]
    assert walk(deep) is None
    assert walk([{"a": [1, "b", None, True, 1.5]}]) is None


def test_a_hostile_body_is_judged_in_a_moment():
    hostile = b"[" + b"[]," * 300_000 + b"[]]"
    assert isinstance(parse_json(hostile), list)
    with pytest.raises(BadRequestError):
        parse_json(b'{"a":' * 150_000 + b"1" + b"}" * 150_000)


@pytest.mark.parametrize("body", [b'"\\u0000"', b"99999999999999999999", b"1e999"])
def test_what_cannot_be_stored_is_named(body):
    with pytest.raises(InvalidError, match="must"):
        parse_json(body)


def leaves(kind: type) -> list[type]:
    return [kind, *(leaf for sub in kind.__subclasses__() for leaf in leaves(sub))]


@pytest.mark.parametrize("kind", leaves(ledger_errors.LedgerError))
def test_no_error_of_the_ledger_gets_out(kind):
    known = translate(kind("row content"))
    assert isinstance(known, GatewayError)
    assert "row content" not in json.dumps(known.problem())
    assert (known.code == 503) is issubclass(
        kind, (ledger_errors.LedgerUnavailableError, ledger_errors.SchemaTooOldError)
    )


@pytest.mark.parametrize("kind", leaves(GatewayError))
def test_every_refusal_has_a_constant_reason(kind):
    assert kind.reason.isalpha()
    assert 400 <= kind.status <= 503


def test_an_unknown_error_is_no_refusal():
    assert translate(ValueError("x")) is None
    assert isinstance(translate(NotFoundError()), NotFoundError)


def run(**changes) -> RunRecord:
    fields = {
        "tenant": "acme",
        "id": uuid.UUID(int=1),
        "namespace": "ns",
        "pipeline": "draft",
        "digest": "sha256:x",
        "status": RunStatus.SUCCEEDED,
        "input": '{"a": 1}',
        "output": '"The \\"end\\"."',
        "error_class": None,
        "waits": None,
        "message": None,
        "created_at": NOW,
        "started_at": NOW,
        "finished_at": NOW,
        "traceparent": TRACE,
        "input_tokens": 3,
        "output_tokens": 4,
        "cost": Decimal("0.0000010"),
        "currency": "USD",
        "priority": "Normal",
        "deadline": None,
        "steps": (StepRecord("s", "done", 1, 0, None, None, None),),
        **changes,
    }
    return RunRecord(**fields)


def test_a_run_reads_back_as_the_contract_says():
    read = RunView.model_validate_json(run_json(run()))
    assert (read.status, read.input, read.output) == ("Succeeded", {"a": 1}, 'The "end".')
    assert read.usage.cost == "0.0000010"
    assert [step.step for step in read.steps] == ["s"]
    assert read.links.events.endswith("/runs/00000000-0000-0000-0000-000000000001/events")


def test_a_failed_run_says_why():
    said = json.loads(run_json(run(output=None, error_class="Timeout", message="Too slow.")))
    assert said["error"] == {"errorClass": "Timeout", "message": "Too slow."}
    assert "output" not in said


def test_a_page_of_runs_has_no_documents():
    said = json.loads(list_json([run(), run()], "next"))
    assert said["nextCursor"] == "next"
    assert all({"input", "output", "steps"}.isdisjoint(item) for item in said["items"])


def test_an_event_is_one_frame_with_its_number():
    event = EventRecord(uuid.UUID(int=1), 7, NOW, "step.finished", "s", '{"output": "a\\nb"}')
    lines = event_frame(event).decode().split("\n")
    assert lines[:2] == ["event: step.finished", "id: 7"]
    assert json.loads(lines[2].removeprefix("data: "))["data"] == {"output": "a\nb"}
    assert lines[3:] == ["", ""]


def test_tokens_are_kept_for_listeners_alone_and_not_for_ever():
    deltas, who = Deltas(), uuid.uuid4()
    deltas.add(who, "s", "lost")
    with deltas.listen(who, Bell()) as slow, deltas.listen(who, Bell()) as quick:
        deltas.add(who, "s", "a")
        deltas.add(who, "s", "b")
        assert quick.take() == {("token", "s"): "ab"}
        assert quick.take() == {}
        deltas.add(who, "s", "x" * MOST_TEXT)
        assert slow.take() == {("token", "s"): "x" * MOST_TEXT}
    assert not deltas.wanted(who)


async def test_a_bell_tells_a_ring_from_a_nudge():
    bell = Bell()
    bell.nudge()
    assert await bell.heard(1) is False
    bell.ring()
    assert await bell.heard(1) is True
    assert await bell.heard(0.001) is True, "a look for safety"
    bell.nudge()
    assert await bell.rung(0.001) is False


class Quiet:
    def __init__(self) -> None:
        self.told: list[tuple[set, set]] = []

    async def notify(self, pool_ids=(), runs=()):
        self.told.append((set(pool_ids), set(runs)))


async def test_what_happens_in_one_turn_is_told_once():
    notifier = Quiet()
    wakes, who = Wakes(notifier), uuid.uuid4()
    for pool in range(5):
        wakes.tell((pool,), (who,))
    await asyncio.sleep(0)
    assert notifier.told == [({0, 1, 2, 3, 4}, {who})]


def test_the_description_is_whole():
    said = description("1")
    text = json.dumps(said)
    refs = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert refs <= set(said["components"]["schemas"])
    names = [op["operationId"] for each in said["paths"].values() for op in each.values()]
    assert len(set(names)) == len(names) == len(OPERATIONS)
    [credentials] = said["components"]["securitySchemes"].values()
    for kind in ("API key", "ServiceAccount", "OpenID Connect", "running step"):
        assert kind in credentials["description"]
