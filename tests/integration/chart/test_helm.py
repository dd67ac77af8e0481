"""The chart by the real Helm on a real API server: installed, upgraded, removed."""

from __future__ import annotations

import json
import os
import subprocess

import pytest
import yaml

from apiserver import CONTROLLERS, serving, until
from chart import CHART, NAMESPACE
from devcluster.errors import NotPossibleError
from devcluster.programs import helm_binary

pytestmark = pytest.mark.apiserver


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Give an API server of our own: Helm adopts nothing that others have installed."""
    folder = tmp_path_factory.mktemp("helm")
    with serving(folder, controllers=CONTROLLERS) as one:
        yield one


@pytest.fixture(scope="module")
def helm(server):
    try:
        program = helm_binary()
    except NotPossibleError as error:
        pytest.skip(f"Helm can be neither found nor built here: {error}")

    def run(*words, values=None):
        env = {**os.environ, "KUBECONFIG": str(server.kubeconfig), "HOME": str(server.folder)}
        command = [program, *words, f"--namespace={NAMESPACE}"]
        if values is not None:
            command.append("--values=-")
        given = yaml.safe_dump(values or {})
        done = subprocess.run(
            command, input=given, env=env, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def get(server, *words):
    done = server.kubectl("get", *words, f"--namespace={NAMESPACE}", "--output=json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def jobs(server):
    return [item["metadata"]["name"] for item in get(server, "jobs")["items"]]


def test_install_upgrade_and_remove(server, helm):
    told = helm("install", "headrace", str(CHART), "--create-namespace", values={})
    assert "is installed in namespace headrace-system" in told
    [first] = jobs(server)
    assert first.startswith("headrace-migrate-0-1-0-")

    values = {"gateway": {"replicas": 3}, "podAnnotations": {"images": "others"}}
    helm("upgrade", "headrace", str(CHART), values=values)
    assert get(server, "deployment", "headrace-gateway")["spec"]["replicas"] == 3
    until(lambda: len(jobs(server)) == 1)
    assert jobs(server) != [first]

    helm("uninstall", "headrace")
    until(lambda: get(server, "deployments")["items"] == [])
    crds = get(server, "customresourcedefinitions")["items"]
    ours = [crd for crd in crds if crd["spec"]["group"] == "headrace.dev"]
    assert len(ours) == 3
    left = get(server, "clusterroles,clusterrolebindings")["items"]
    assert [one for one in left if one["metadata"]["name"].startswith("headrace")] == []

    helm("install", "headrace", str(CHART), values={})
    assert len(jobs(server)) == 1
