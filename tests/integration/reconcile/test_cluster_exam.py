"""The real API server sits the same exam as the fake that ships."""

from __future__ import annotations

import pytest
import pytest_asyncio

import operating
from cluster_exam import Candidate, ClusterExam
from headrace_operator.apply.cluster import KubeCluster
from headrace_operator.errors import GoneError
from headrace_operator.metrics import Metrics
from headrace_operator.model.resource import BY_KIND
from reconcile_fixtures import install_keda


@pytest.mark.apiserver
@pytest.mark.asyncio(loop_scope="module")
class TestKubeCluster(ClusterExam):
    @pytest_asyncio.fixture(loop_scope="module")
    async def candidate(self, place):
        wire = await operating.wire_to(place.kubeconfig, Metrics())

        async def find(kind, name):
            try:
                return await wire.get(BY_KIND[kind].path(place.namespace, name))
            except GoneError:
                return None

        raw = operating.pipeline("essay", place.namespace)
        path = operating.path_of(raw)
        op = operating.Running(wire, None, None, None)
        await install_keda(op)
        yield Candidate(KubeCluster(wire), await wire.apply(path, raw, "kubectl"), find)
        await wire.close()
