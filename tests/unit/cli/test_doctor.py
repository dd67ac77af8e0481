"""`doctor` says what it found, what it did not find, and what nobody can know."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli_gateway import FakeGateway
from headrace_cli.cluster import kubeconfigs
from headrace_cli.doctor import Verdict, look, render
from headrace_cli.errors import LocalError
from headrace_cli.options import Format

OURS = {"agentpipelines", "agenttenants", "modelproviders"}
CLUSTERS = {
    "all is there": ((OURS, {"scaledobjects"}), {"crds": "good", "keda": "good"}),
    "KEDA is missing": ((OURS, None), {"crds": "good", "keda": "bad"}),
    "nothing is installed": ((None, None), {"crds": "bad", "keda": "bad"}),
    "an old CRD": (
        (OURS - {"modelproviders"}, {"scaledobjects"}), {"crds": "bad", "keda": "good"}),
}  # fmt: skip


def cluster(ours, keda):
    async def resources(group_version):
        return keda if group_version.startswith("keda") else ours

    return resources


async def found(resources, fake=None):
    async with (fake or FakeGateway()).connect("") as client:
        return {one.what: one for one in await look(client, resources)}


@pytest.mark.parametrize(("has", "want"), CLUSTERS.values(), ids=CLUSTERS)
async def test_what_a_cluster_has_is_told(has, want):
    findings = await found(cluster(*has))
    assert {name: findings[name].verdict for name in want} == want


async def test_a_gateway_that_refuses_is_bad_and_one_that_answers_is_good():
    assert (await found(None))["gateway"].verdict is Verdict.GOOD
    away = FakeGateway(problem=(503, {"title": "The ledger is away.", "reason": "Unavailable"}))
    assert (await found(None, away))["gateway"].verdict is Verdict.BAD


async def test_without_a_kubeconfig_no_cluster_is_judged():
    assert (await found(None))["cluster"].verdict is Verdict.UNKNOWN


async def test_an_api_server_that_is_away_is_told():
    async def away(_group_version):
        msg = "the API server cannot be reached"
        raise LocalError(msg)

    assert (await found(away))["cluster"].told == "the API server cannot be reached"


async def test_network_policies_are_never_said_to_be_enforced():
    finding = (await found(cluster(OURS, {"scaledobjects"})))["network policies"]
    assert finding.verdict is Verdict.UNKNOWN
    assert "NetworkPolicy" in finding.told


async def test_findings_are_printed_as_a_table_and_as_json():
    findings = list((await found(None)).values())
    assert render(findings, Format.TABLE).startswith("WHAT")
    assert '"verdict": "unknown"' in render(findings, Format.JSON)


def test_kubeconfigs_are_looked_for_as_kubectl_does():
    assert kubeconfigs({"KUBECONFIG": "/a:/b"}) == [Path("/a"), Path("/b")]
    assert kubeconfigs({})[0].parts[-2:] == (".kube", "config")
