"""The fake sits the exam; the real API server does so in the integration ring."""

from __future__ import annotations

import pytest

import make
from cluster_exam import Candidate, ClusterExam
from headrace_operator.apply.testing import MemoryCluster


class TestMemoryCluster(ClusterExam):
    @pytest.fixture
    def candidate(self):
        cluster = MemoryCluster()

        async def find(kind, name):
            return cluster.find(kind, "team-a", name)

        return Candidate(cluster, cluster.user_applies(make.pipeline()), find)
