"""Pods that a quota keeps out, on a real API server with the controllers that would make them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from crd_server import crd_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from apiserver import ApiServer

pytestmark = [pytest.mark.apiserver, pytest.mark.asyncio(loop_scope="module")]


@pytest.fixture(scope="module")
def apiserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """Give an API server beside which Deployments make pods, and quotas are counted."""
    making = "deployment-controller", "replicaset-controller", "resourcequota-controller"
    with crd_server(tmp_path_factory.mktemp("apiserver"), *making) as server:
        yield server


async def test_a_worker_that_a_quota_keeps_out_is_told_in_its_words(no_keda, place, op):
    hard = {"pods": "0"}
    await op.apply(place.tenant(isolation={"resourceQuota": {"hard": hard}}))

    async def counted() -> bool:
        found = await op.items(place.children_path("v1", "resourcequotas"))
        return [one.get("status", {}).get("hard") for one in found] == [hard]

    await op.until("the quota is counted", counted)
    await op.apply(place.provider())
    await op.apply(place.pipeline())  # without KEDA, one worker of each pool
    path = place.pipeline_path
    told = await op.until_condition(path, "WorkersAvailable", "False", "WorkersCannotStart")
    assert "exceeded quota: headrace-quota-" in told["message"]
    await op.until_condition(path, "Ready", "False", "WorkersCannotStart")
