"""What every cluster must do for the operator: one exam, for the fake and for the real one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

import make
from headrace_contract.names import FINALIZER
from headrace_operator.apply.execute import Children, execute
from headrace_operator.apply.testing import MemoryLedger
from headrace_operator.apply.trim import count_is_ours, trim
from headrace_operator.errors import ConflictError, GoneError
from headrace_operator.model.identity import Identity
from headrace_operator.model.resource import CONFIG_MAPS, DEPLOYMENTS, PIPELINES
from headrace_operator.plan.build import build_plan

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


@dataclass
class Candidate:
    """A cluster, a pipeline in it, and a way to look."""

    cluster: Any
    pipeline: dict[str, Any]
    find: Callable[[str, str], Awaitable[dict[str, Any] | None]]

    @property
    def identity(self) -> Identity:
        return Identity.of(self.pipeline)

    def plan(self, **changes: Any) -> Any:
        spec = self.pipeline["spec"] | changes
        return build_plan(make.context(make.seen({**self.pipeline, "spec": spec}, keda=True)))

    def manifest(self, kind: str, **changes: Any) -> Any:
        [found] = [one for one in self.plan(**changes).manifests if one.resource.kind == kind]
        return found


class ClusterExam:
    """Mixed into a test class that has the fixture `candidate`."""

    async def test_what_is_applied_is_there(self, candidate):
        manifest = candidate.manifest("ConfigMap")
        answer = await candidate.cluster.apply(manifest)
        assert answer["data"] == manifest.body["data"]
        found = await candidate.find("ConfigMap", manifest.name)
        assert found["metadata"]["uid"] == answer["metadata"]["uid"]

    async def test_what_is_applied_again_changes_nothing(self, candidate):
        manifest = candidate.manifest("ConfigMap")
        first = await candidate.cluster.apply(manifest)
        second = await candidate.cluster.apply(manifest)
        assert second["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]

    async def test_a_field_that_is_no_longer_applied_goes(self, candidate):
        manifest = candidate.manifest("ConfigMap")
        await candidate.cluster.apply(manifest)
        del manifest.body["data"]["pipeline.json"]
        answer = await candidate.cluster.apply(manifest)
        assert set(answer["data"]) == {"digest"}

    async def test_workers_begin_at_zero_and_stay_there_when_something_else_changes(
        self, candidate
    ):
        plan = candidate.plan()
        await execute(plan, Children(()), candidate.cluster, MemoryLedger())
        name = plan.ledger.pools[0].workload
        body = await candidate.find("Deployment", name)
        assert body["spec"]["replicas"] == 0
        assert count_is_ours(trim(body))
        changed = candidate.plan(pools=[{"name": "writers", "image": "other:2"}])
        await execute(changed, Children([trim(body)]), candidate.cluster, MemoryLedger())
        body = await candidate.find("Deployment", name)
        assert body["spec"]["replicas"] == 0
        assert body["spec"]["template"]["spec"]["containers"][0]["image"] == "other:2"
        assert not count_is_ours(trim(body))

    async def test_a_count_that_somebody_changed_meanwhile_is_not_set_back(self, candidate):
        plan = candidate.plan()
        await execute(plan, Children(()), candidate.cluster, MemoryLedger())
        pool = plan.manifests[0].namespace, plan.ledger.pools[0].workload
        old = await candidate.find("Deployment", pool[1])
        await candidate.cluster.set_replicas(*pool, 3)
        changed = candidate.plan(pools=[{"name": "writers", "image": "other:2"}])
        with pytest.raises(ConflictError):
            await execute(changed, Children([old]), candidate.cluster, MemoryLedger())
        assert (await candidate.find("Deployment", pool[1]))["spec"]["replicas"] == 3

    async def test_workers_that_are_there_unknown_to_us_keep_their_count(self, candidate):
        plan = candidate.plan()
        await execute(plan, Children(()), candidate.cluster, MemoryLedger())
        pool = plan.manifests[0].namespace, plan.ledger.pools[0].workload
        await candidate.cluster.set_replicas(*pool, 3)
        await execute(plan, Children(()), candidate.cluster, MemoryLedger())
        assert (await candidate.find("Deployment", pool[1]))["spec"]["replicas"] == 3

    async def test_the_count_survives_every_other_change(self, candidate):
        plan = candidate.plan()
        await execute(plan, Children(()), candidate.cluster, MemoryLedger())
        name = plan.ledger.pools[0].workload
        await candidate.cluster.set_replicas(plan.manifests[0].namespace, name, 3)
        body = await candidate.find("Deployment", name)
        changed = candidate.plan(pools=[{"name": "writers", "image": "other:2"}])
        await execute(changed, Children([body]), candidate.cluster, MemoryLedger())
        body = await candidate.find("Deployment", name)
        assert body["spec"]["replicas"] == 3
        assert body["spec"]["template"]["spec"]["containers"][0]["image"] == "other:2"

    async def test_a_deletion_names_its_object_by_uid(self, candidate):
        manifest = candidate.manifest("ConfigMap")
        body = await candidate.cluster.apply(manifest)
        where = CONFIG_MAPS, manifest.namespace, manifest.name
        with pytest.raises(ConflictError):
            await candidate.cluster.delete(*where, "another-uid")
        await candidate.cluster.delete(*where, body["metadata"]["uid"])
        assert await candidate.find("ConfigMap", manifest.name) is None
        await candidate.cluster.delete(*where, body["metadata"]["uid"])  # gone is gone

    async def test_our_finalizer_comes_and_goes_and_touches_nothing_else(self, candidate):
        spec = candidate.pipeline["spec"]
        body = await candidate.cluster.finalize(candidate.identity, present=True)
        assert body["metadata"]["finalizers"] == [FINALIZER]
        assert body["spec"] == spec
        body = await candidate.cluster.finalize(candidate.identity, present=False)
        assert not body["metadata"].get("finalizers")
        assert body["spec"] == spec

    async def test_a_status_is_written_beside_the_spec(self, candidate):
        status = {"observedGeneration": 1, "tenant": "acme", "conditions": []}
        body = await candidate.cluster.apply_status(candidate.identity, status)
        assert body["status"]["tenant"] == "acme"
        assert body["metadata"]["generation"] == candidate.pipeline["metadata"]["generation"]
        again = await candidate.cluster.apply_status(candidate.identity, status)
        assert again["metadata"]["resourceVersion"] == body["metadata"]["resourceVersion"]

    async def test_an_object_of_the_same_name_is_not_taken_for_another(self, candidate):
        metadata = candidate.pipeline["metadata"] | {"uid": "00000000-0000-0000-0000-000000000000"}
        other = Identity.of({**candidate.pipeline, "metadata": metadata})
        with pytest.raises((ConflictError, GoneError)):
            await candidate.cluster.apply_status(other, {"observedGeneration": 1})
        with pytest.raises(ConflictError):
            await candidate.cluster.finalize(other, present=True)

    async def test_lists_hold_what_is_ours(self, candidate):
        manifest = candidate.manifest("ConfigMap")
        await candidate.cluster.apply(manifest)
        names = {one["metadata"]["name"] for one in await candidate.cluster.listing(CONFIG_MAPS)}
        assert manifest.name in names
        kinds = {one["kind"] for one in await candidate.cluster.listing(PIPELINES)}
        assert kinds == {"AgentPipeline"}

    async def test_a_kind_is_served_or_not(self, candidate):
        assert await candidate.cluster.serves(DEPLOYMENTS)
