"""`tenant onboard` prints what Git wants, and refuses what a cluster would, or should."""

from __future__ import annotations

import pytest
import yaml

from headrace_cli.manifests import load

ACME = ("acme", "-n", "acme-research", "--admin-group", "acme-leads")


def onboard(headrace, *words):
    done = headrace("tenant", "onboard", *words)
    assert (done.exit_code, done.stderr) == (0, ""), done.stderr
    return list(yaml.safe_load_all(done.stdout))


def groups(objects):
    """List who is bound where: namespace, role, groups."""
    return [
        (
            one["metadata"]["namespace"],
            one["roleRef"]["name"],
            [subject["name"] for subject in one["subjects"]],
        )
        for one in objects
        if one["kind"] == "RoleBinding"
    ]


def test_a_tenant_is_printed_in_an_order_that_can_be_applied(headrace):
    objects = onboard(headrace, *ACME, "--namespace", "acme-lab")
    kinds = [one["kind"] for one in objects]
    assert kinds == ["Namespace", "Namespace", "AgentTenant", *["RoleBinding"] * 6]
    assert objects[2]["spec"] == {"namespaces": ["acme-research", "acme-lab"]}


def test_what_is_printed_passes_our_own_check(headrace, tmp_path):
    file = tmp_path / "acme.yaml"
    file.write_text(headrace("tenant", "onboard", *ACME).stdout)
    assert headrace("check", "-f", str(file)).exit_code == 0
    assert load(file).tenants["acme"].namespaces == ["acme-research"]


def test_users_edit_and_administrators_may_clear_a_namespace(headrace):
    objects = onboard(headrace, *ACME, "--user-group", "acme-all")
    assert groups(objects) == [
        ("acme-research", "headrace-view", ["acme-leads", "acme-all"]),
        ("acme-research", "headrace-edit", ["acme-leads", "acme-all"]),
        ("acme-research", "headrace-admin", ["acme-leads"]),
    ]


def test_a_group_that_is_named_twice_is_bound_once(headrace):
    objects = onboard(headrace, *ACME, "--user-group", "acme-leads")
    assert {tuple(names) for _, _, names in groups(objects)} == {("acme-leads",)}


def test_names_that_yaml_would_take_for_something_else_stay_names(headrace):
    objects = onboard(headrace, "null", "-n", "0x1", "--admin-group", "oidc:Leads: Ö")
    assert objects[1]["metadata"]["name"] == "null"
    assert objects[0]["metadata"]["name"] == "0x1"
    assert groups(objects)[0][2] == ["oidc:Leads: Ö"]


REFUSED = {
    "a tenant in capitals": (("Acme", *ACME[1:]), "NAME must be a DNS label"),
    "a tenant too long": (("a" * 64, *ACME[1:]), "NAME must be a DNS label"),
    "a namespace with a dot": ((*ACME, "-n", "a.b"), "`--namespace` must be a DNS label"),
    "a namespace with a newline": ((*ACME, "-n", "a\n"), "`--namespace` must be a DNS label"),
    "a namespace of the cluster": ((*ACME, "-n", "kube-system"), "'kube-system' belongs to the"),
    "headrace's own namespace": ((*ACME, "-n", "headrace-system"), "must be a team's own"),
    "a namespace twice": ((*ACME, "-n", "acme-research"), "each namespace once"),
    "too many namespaces": (
        (*ACME, *(word for n in range(64) for word in ("-n", f"acme-{n}"))),
        "`spec.namespaces`",
    ),
    "a group without a name": ((*ACME, "--user-group", " "), "`--user-group` must be the name"),
    "a group of two lines": ((*ACME, "--user-group", "a\nb"), "`--user-group` must be the name"),
    "everybody": ((*ACME[:3], "--admin-group", "system:authenticated"), "a group of people"),
    "no administrators": (ACME[:3], "--admin-group"),
    "no namespace": (("acme", "--admin-group", "acme-leads"), "--namespace"),
}


@pytest.mark.parametrize(("words", "told"), REFUSED.values(), ids=REFUSED)
def test_what_no_cluster_should_take_is_refused(headrace, words, told):
    done = headrace("tenant", "onboard", *words)
    assert (done.exit_code, done.stdout) == (2, "")
    assert told in done.stderr
