from __future__ import annotations

import json
from uuid import UUID

import pytest

from headrace_contract.failures import ACTIONS, ErrorClass
from headrace_contract.protocol import (
    ClaimResponse,
    CompleteItem,
    CompleteRequest,
    FailItem,
    FailRequest,
    Held,
    Slot,
)
from headrace_gateway.work.items import MAX_DELAY_SECONDS, Whose, completion, failure, held, plain
from headrace_gateway.work.leases import Leases, lease_json
from headrace_gateway.work.tasks import MOST, Known, Tasks
from headrace_ledger.records import LeaseRecord

TASK = UUID("0198c0de-0000-7000-8000-000000000001")
ACME = Whose("acme", 5)
RUN = UUID("0198c0de-0000-7000-8000-000000000002")


def lease(**changes) -> LeaseRecord:
    fields = {
        "tenant": "acme",
        "task": TASK,
        "fence": 3,
        "run": RUN,
        "step": "write",
        "pool_id": 7,
        "attempt": 1,
        "key_hash": bytes(32),
        "digest": "sha256:x",
        "input": '{"topic": "\\u00e9"}',
        "outputs": {"outline": "[1, 2]", "odd": '"a\\"b"'},
        "traceparent": "00-1-2-01",
        "lease_seconds": 30.0,
        "timeout_seconds": 59.5,
        **changes,
    }
    return LeaseRecord(**fields)


def test_a_lease_reads_back_as_the_contract_says():
    text = b'{"leases":[' + lease_json(lease(), None) + b"]}"
    (read,) = ClaimResponse.model_validate_json(text).leases
    assert (read.task, read.fence, read.run) == (str(TASK), 3, str(RUN))
    assert read.input == {"topic": "é"}
    assert read.outputs == {"outline": [1, 2], "odd": 'a"b'}
    assert (read.key_hash, read.timeout_seconds) == ("00" * 32, 59.5)


class Versions:
    async def text(self, tenant, digest):
        return json.dumps({"digest": digest})


async def test_a_pipeline_comes_once_per_answer_and_not_to_who_knows_it():
    leases = [lease(), lease(), lease(digest="sha256:known"), lease(digest="sha256:y")]
    written = await Leases(Versions()).write(leases, ["sha256:known"])
    has = ["pipeline" in json.loads(each) for each in written]
    assert has == [True, False, False, True]


REQUEST = CompleteRequest(request_id="r", worker="w", items=[CompleteItem(task="t", fence=1)])


def completed(**changes):
    return completion(ACME, REQUEST, CompleteItem(**{"task": str(TASK), "fence": 1, **changes}))


def test_an_output_is_kept_as_json():
    assert completed(output={"a": [1, None]}).output == '{"a":[1,null]}'
    assert completed(output=None).output == "null"
    assert completed(output="x", skipped=True).output is None


WRONG = {
    "a NUL deep inside": ({"a": [{"b": "\x00"}]}, "U+0000"),
    "a NUL in a name": ({"\x00": 1}, "U+0000"),
    "an integer beyond 64 bits": ([2**63], "64 bits"),
    "a number without end": ([float("inf")], "double"),
}


@pytest.mark.parametrize(("output", "said"), WRONG.values(), ids=WRONG)
def test_an_output_cannot_be_stored_with(output, said):
    found = completed(output=output)
    assert isinstance(found, str)
    assert said in found


def test_a_next_slot_must_be_a_hash():
    assert completed(next=Slot(key_hash="ab" * 32)).next_key_hash == bytes.fromhex("ab" * 32)
    assert "keyHash" in completed(next=Slot(key_hash="zz" * 32))


@pytest.mark.parametrize("item", [("x", 1), ("", 1), (str(TASK), -1), (str(TASK), 2**63)])
def test_a_task_that_cannot_exist_is_nothing(item):
    assert held(ACME, Held(task=item[0], fence=item[1])) is None


@pytest.mark.parametrize("error_class", ErrorClass)
def test_every_class_has_its_action(error_class):
    item = FailItem(task=str(TASK), fence=1, error_class=error_class, retry_after_seconds=1e9)
    request = FailRequest(request_id="r", worker="w", items=[item])
    record = failure(ACME, request, item, 0.5)
    assert record.action == ACTIONS[error_class].value
    assert record.delay_seconds == MAX_DELAY_SECONDS


MESSAGES = {"a NUL": ("a\x00b", "a\ufffdb"), "half a character": ("a\ud800b", "a?b")}
MESSAGES |= {"a novel": ("x" * 9000, "x" * 4096)}


@pytest.mark.parametrize(("given", "want"), MESSAGES.values(), ids=MESSAGES)
def test_a_message_is_made_storable(given, want):
    assert plain(given) == want


def test_what_is_remembered_of_leases_is_bounded_and_knows_the_fence():
    tasks = Tasks()
    tasks.add(lease(), 5)
    assert tasks.find(TASK, 3) == Known("acme", 5, RUN, "write", 3)
    assert tasks.find(TASK, 2) is None
    for number in range(MOST):
        tasks.add(lease(task=UUID(int=number)), 5)
    assert tasks.find(TASK, 3) is None
    assert tasks.end(UUID(int=5), 3) is not None
    assert tasks.end(UUID(int=5), 3) is None
