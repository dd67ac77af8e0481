"""The development cluster, as a user meets it. No other kube context can be reached from here."""

import secrets
from pathlib import Path

import pytest

from devcluster import places
from harness.door import Door, PortForward, admin_token
from harness.kubectl import Kubectl
from headrace_contract.names import PORT_CLIENTS, SYSTEM_NAMESPACE
from stage import Stage

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "research"


@pytest.fixture(scope="session")
def kubectl():
    assert places.KUBECONFIG.exists(), "the development cluster is not up: `make up` first"
    return Kubectl.for_devcluster()


@pytest.fixture(scope="session")
def forward(kubectl):
    with PortForward(kubectl, "headrace-gateway", PORT_CLIENTS, SYSTEM_NAMESPACE) as forwarded:
        yield forwarded


@pytest.fixture(scope="session")
def admin(kubectl, forward):
    door = Door(forward, admin_token(kubectl))
    yield door
    door.close()


@pytest.fixture(scope="session")
def mock_model(kubectl):
    """The example's model, which every story shares."""
    kubectl.apply_files(EXAMPLE / "namespace.yaml")
    kubectl.apply_files(EXAMPLE / "mock-llm.yaml")
    where = ("-n", "headrace-examples")
    kubectl.run(*where, "rollout", "status", "deployment/mock-llm", "--timeout=120s")


@pytest.fixture
def stage(kubectl, forward, admin, mock_model):
    story = Stage(kubectl, forward, admin, f"e2e-{secrets.token_hex(4)}")
    story.open()
    yield story
    story.close()
