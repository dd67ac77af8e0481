"""The rate of writes, the counting of Events, and what is kept of an object."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

import make
from headrace_operator.apply.bucket import Bucket
from headrace_operator.apply.execute import Children, execute, prune
from headrace_operator.apply.ledger import LedgerRows
from headrace_operator.apply.recorder import Recorder, event_name
from headrace_operator.apply.rows import pipeline_row
from headrace_operator.apply.testing import MemoryCluster, MemoryLedger
from headrace_operator.apply.trim import count_is_ours, trim
from headrace_operator.apply.wire import _plural
from headrace_operator.errors import ClusterUnavailableError, ForbiddenError, LedgerUnavailableError
from headrace_operator.model.identity import Identity

ABOUT = Identity.of(make.pipeline())


class Clock:
    def __init__(self):
        self.now = 0.0
        self.slept = []

    def __call__(self):
        return self.now


async def test_a_burst_is_free_and_the_rest_waits_its_turn(monkeypatch):
    clock = Clock()

    async def sleep(seconds):
        clock.slept.append(round(seconds, 6))

    monkeypatch.setattr("asyncio.sleep", sleep)
    bucket = Bucket(10.0, 2, clock)
    for _ in range(4):
        await bucket.take()
    assert clock.slept == [0.1, 0.2]

    clock.now = 10.0
    clock.slept.clear()
    for _ in range(3):
        await bucket.take()
    assert clock.slept == [0.1]  # a long rest saves no more than the burst


class Written:
    def __init__(self, failure=None):
        self.bodies = []
        self.failure = failure

    async def apply(self, path, body, manager):
        if self.failure:
            raise self.failure
        self.bodies.append((path, body))


async def test_the_same_words_are_one_event_with_a_count():
    wire = Written()
    recorder = Recorder(wire, "pod-1")
    words = ("TenantNotFound", "No tenant lists it.")
    for seconds in (0, 1, 2, 40):
        await recorder.record(ABOUT, "Warning", words, make.NOW + timedelta(seconds=seconds))
    assert len(wire.bodies) == 2
    (first_path, first), (second_path, second) = wire.bodies
    assert first_path == second_path
    assert "series" not in first
    assert second["series"]["count"] == 4
    assert first["regarding"]["uid"] == ABOUT.uid
    assert (first["type"], first["reason"], first["note"]) == ("Warning", *words)


async def test_other_words_are_another_event():
    wire = Written()
    recorder = Recorder(wire, "pod-1")
    await recorder.record(ABOUT, "Warning", ("A", "one"), make.NOW)
    await recorder.record(ABOUT, "Warning", ("A", "two"), make.NOW)
    assert len({path for path, _ in wire.bodies}) == 2


async def test_after_its_window_an_event_begins_anew():
    wire = Written()
    recorder = Recorder(wire, "pod-1")
    for minutes in (0, 11):
        await recorder.record(ABOUT, "Normal", ("A", "one"), make.NOW + timedelta(minutes=minutes))
    assert ["series" in body for _, body in wire.bodies] == [False, False]


async def test_an_event_that_cannot_be_written_fails_nothing():
    recorder = Recorder(Written(ForbiddenError("events")), "pod-1")
    await recorder.record(ABOUT, "Normal", ("A", "one"), make.NOW)


def test_the_name_of_an_event_fits():
    long = Identity.of(make.pipeline("x" * 253))
    assert len(event_name(long, "A", "words")) <= 253


def test_the_record_of_owners_is_dropped():
    body = make.pipeline(metadata={"managedFields": [{"manager": "kubectl", "fieldsV1": {}}]})
    assert "managedFields" not in trim(body)["metadata"]
    assert not count_is_ours(trim(body))


COUNT = {"f:spec": {"f:replicas": {}, "f:template": {}}}
COUNTS = {
    "a count that we applied": ("headrace", "Apply", True),
    "a count that the scaler took over": ("kube-controller-manager", "Update", False),
    "a count of its own manager": ("headrace-replicas", "Apply", False),
}


@pytest.mark.parametrize(("manager", "operation", "ours"), COUNTS.values(), ids=COUNTS)
def test_whose_the_count_is_is_remembered(manager, operation, ours):
    owner = {"manager": manager, "operation": operation, "fieldsV1": COUNT}
    kept = trim(make.pipeline(metadata={"managedFields": [owner]}))
    assert count_is_ours(kept) is ours
    assert "f:template" not in json.dumps(kept)


PLURALS = {
    "/api/v1/namespaces": "namespaces",
    "/api/v1/namespaces/a": "namespaces",
    "/api/v1/namespaces/a/configmaps/b": "configmaps",
    "/apis/headrace.dev/v1alpha1/agenttenants/a": "agenttenants",
    "/apis/headrace.dev/v1alpha1/namespaces/a/agentpipelines/b/status": "agentpipelines",
}


@pytest.mark.parametrize(("path", "want"), PLURALS.items())
def test_a_metric_names_the_kind_and_never_the_object(path, want):
    assert _plural(path) == want


async def test_a_part_that_fails_does_not_keep_the_others_waiting():
    cluster, ledger = MemoryCluster(), MemoryLedger()
    ledger.away = LedgerUnavailableError("away")
    with pytest.raises(LedgerUnavailableError):
        await execute(make.plan(), Children(()), cluster, ledger)
    assert cluster.writes[-1] == "apply ScaledObject"


async def test_keda_gets_no_pool_whose_workers_could_not_be_made():
    cluster = MemoryCluster()
    plan = make.plan()
    three_first = Children(())
    cluster.failures = []

    async def no_deployment(manifest, replicas):
        raise ClusterUnavailableError("away")  # noqa: EM101 -- said by a fake

    cluster.create_at = no_deployment
    with pytest.raises(ClusterUnavailableError):
        await execute(plan, three_first, cluster, MemoryLedger())
    assert "apply ScaledObject" not in cluster.writes


async def test_what_is_as_wanted_costs_nothing():
    cluster, plan = MemoryCluster(), make.plan()
    children = Children(())
    await execute(plan, children, cluster, MemoryLedger())
    before = list(cluster.writes)
    await execute(plan, Children(children.all()), cluster, MemoryLedger())
    assert cluster.writes == before


async def test_the_ledger_knows_the_account_by_its_uid():
    cluster, ledger, plan = MemoryCluster(), MemoryLedger(), make.plan()
    name = plan.ledger.service_account

    async def told(children):
        await execute(plan, children, cluster, ledger)
        return ledger.pipeline_rows[plan.ledger.compiled.uid].service_account_uid

    def there():
        return cluster.find("ServiceAccount", "team-a", name)

    first = await told(Children(()))
    assert first == there()["metadata"]["uid"]
    assert await told(Children([there()])) == first  # observed, and not written again
    cluster.user_deletes("ServiceAccount", "team-a", name)
    second = await told(Children(()))
    assert second == there()["metadata"]["uid"] != first


async def test_without_its_account_nobody_works_for_a_pipeline():
    cluster, ledger, plan = MemoryCluster(), MemoryLedger(), make.plan()
    cluster.failures = [ClusterUnavailableError("away")]
    with pytest.raises(ClusterUnavailableError):
        await execute(plan, Children(()), cluster, ledger)
    assert ledger.pipeline_rows[plan.ledger.compiled.uid].service_account_uid == ""


async def test_what_is_in_no_plan_goes_unless_it_drains():
    cluster = MemoryCluster()
    both = make.plan(pools=[{"name": "writers"}, {"name": "old"}])
    children = Children(())
    await execute(both, children, cluster, MemoryLedger())
    for body in children.all():
        cluster.user_applies(body)
    await prune(make.plan(), children, {"old"}, cluster)
    assert not [one for one in cluster.writes if one.startswith("delete")]
    await prune(make.plan(), children, set(), cluster)
    assert sorted(one for one in cluster.writes if one.startswith("delete")) == [
        "delete Deployment",
        "delete ScaledObject",
    ]


def test_the_ledger_is_told_the_whole_plan():
    row = pipeline_row(make.plan().ledger)
    assert (row.tenant, row.namespace, row.name) == ("acme", "team-a", "essay")
    assert [(step.step, step.pool) for step in row.steps] == [("draft", "writers")]
    assert row.pools[0].scaled_object == make.only(make.plan(), "ScaledObject")["metadata"]["name"]
    assert row.service_account == make.only(make.plan(), "ServiceAccount")["metadata"]["name"]


class Opened:
    def __init__(self):
        self.rows = []

    async def put_pipeline(self, row):
        self.rows.append(row)


async def test_the_same_row_is_written_once_until_it_is_forgotten():
    opened = Opened()

    async def connect():
        return opened

    rows = LedgerRows(connect)
    plan = make.plan().ledger
    await rows.put_pipeline(plan)
    await rows.put_pipeline(plan)
    assert len(opened.rows) == 1
    rows.forget(plan.compiled.uid)
    await rows.put_pipeline(plan)
    assert len(opened.rows) == 2


async def test_a_ledger_that_was_away_is_tried_again():
    opened, tries = Opened(), 0

    async def connect():
        nonlocal tries
        tries += 1
        if tries == 1:
            raise ConnectionRefusedError
        return opened

    rows = LedgerRows(connect)
    with pytest.raises(LedgerUnavailableError):
        await rows.put_pipeline(make.plan().ledger)
    await rows.put_pipeline(make.plan().ledger)
    assert len(opened.rows) == 1
