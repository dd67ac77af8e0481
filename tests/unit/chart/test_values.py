"""Values that the chart takes and refuses, and the words that it has for people."""

from __future__ import annotations

import pytest
import yaml

from chart import CHART, EVALUATION, ISSUER, render

helm_python = pytest.importorskip("helm_python", reason="Helm's library has no wheel here")


def issuers(**changes):
    """Values with one issuer that is changed; None takes a field away."""
    one = {name: value for name, value in {**ISSUER, **changes}.items() if value is not None}
    return {"gateway": {"oidc": [one]}}


def webhooks(**changes):
    return {"gateway": {"webhooks": changes}}


REFUSED = {
    "an unknown key": ({"gatway": {}}, "gatway"),
    "an unknown key of a part": ({"gateway": {"replica": 2}}, "replica"),
    "no gateway at all": ({"gateway": {"replicas": 0}}, "replicas"),
    "a second operator": ({"operator": {"replicas": 2}}, "replicas"),
    "a namespace that is none": ({"operator": {"watchNamespaces": ["Team A"]}}, "watchNamespaces"),
    "a range that is none": ({"operator": {"nodeCIDRs": ["10.0.0.0"]}}, "nodeCIDRs"),
    "a relative folder": ({"evaluation": {"hostPath": "data"}}, "hostPath"),
    "an issuer in the clear": (issuers(issuer="http://login.acme.example"), "issuer"),
    "an issuer without an audience": (issuers(audience=None), "audience"),
    "an issuer that shares a secret": (issuers(algorithms=["HS256"]), "algorithms"),
    "an issuer whose tokens may do nothing": (issuers(scopes=None), "oidc"),
    "an issuer with rights from two sources": (issuers(scopesClaim="scope"), "oidc"),
    "an issuer that lets workers in": (issuers(scopes=["work"]), "scopes"),
    "an issuer with a field that is none": (issuers(tenantclaim="t"), "tenantclaim"),
    "a range of webhooks that is none": (webhooks(allowedCIDRs=["10.20.0.1"]), "allowedCIDRs"),
    "no port for webhooks": (webhooks(allowedPorts=[]), "allowedPorts"),
    "a port that is none": (webhooks(allowedPorts=[70000]), "allowedPorts"),
    "no certificate": (webhooks(caBundle="/etc/ssl/corp.pem"), "caBundle"),
    "a level that is none": ({"gateway": {"logLevel": "LOUD"}}, "logLevel"),
}


@pytest.mark.parametrize(("values", "words"), REFUSED.values(), ids=REFUSED)
def test_refuses(values, words):
    with pytest.raises(helm_python.HelmError, match=words):
        render(values)


def leaves(values, prefix=""):
    for key, value in values.items():
        if isinstance(value, dict) and value and key != "resources":
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"


def test_every_value_is_in_the_readme():
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    readme = (CHART / "README.md").read_text()
    assert [name for name in leaves(values) if f"| `{name}` |" not in readme] == []


def test_the_notes_name_what_is_really_there():
    rendered = render({"database": {"secretName": "ledger"}})
    assert "create secret generic ledger" in rendered.notes
    [job] = rendered.of_kind("Job")
    assert f"logs job/{job['metadata']['name']}" in rendered.notes
    assert "create secret" not in render(EVALUATION).notes
    assert "not for production" in render(EVALUATION).notes


def test_the_notes_name_the_issuers_that_are_trusted():
    assert f"{ISSUER['issuer']} (audience headrace)" in render(issuers()).notes
    assert "issuers" not in render().notes


def test_helm_finds_nothing_to_say():
    found = helm_python.lint(str(CHART))
    assert [one for one in found["messages"] if one["error"] != "icon is recommended"] == []
