"""Stories on the development cluster (see tests/support/cluster_fixtures.py), and beside it."""

import pytest

from cluster_fixtures import admin, forward, kubectl, mock_model, stage

__all__ = ["admin", "forward", "kubectl", "mock_model", "stage"]


@pytest.fixture(autouse=True)
def _on_the_cluster(request):
    """Fail with a sentence where no cluster is up; what brings its own PostgreSQL needs none."""
    if request.node.get_closest_marker("postgres") is None:
        request.getfixturevalue("kubectl")
