"""Stories on the development cluster; see tests/support/cluster_fixtures.py."""

import pytest

from cluster_fixtures import admin, forward, kubectl, mock_model, stage

__all__ = ["admin", "forward", "kubectl", "mock_model", "stage"]


@pytest.fixture(autouse=True)
def _on_the_cluster(kubectl):
    """Fail with a sentence, not with a stack of connection errors, where no cluster is up."""
