"""Bad resources get their reasons, and nobody sees what is another tenant's."""

import secrets

import pytest

from harness.kubectl import KubectlError, wait
from stage import Stage, llm

BAD = {
    "a circle of steps": (
        [llm("a", dependsOn=["b"]), llm("b", dependsOn=["a"])],
        {},
        ("Accepted", "CyclicSteps"),
    ),
    "a step that waits for one that is not there": (
        [llm("a", dependsOn=["ghost"])],
        {},
        ("Accepted", "UnknownReference"),
    ),
    "a template with a variable that is not there": (
        [llm("a", prompt="{{ weather }}")],
        {},
        ("Accepted", "InvalidTemplate"),
    ),
    "a provider that does not exist": (
        [llm("a")],
        {"models": [{"class": "fast", "providerRef": {"name": "nobody"}}]},
        ("ResolvedRefs", "ProviderNotFound"),
    ),
    "a tenant that does not exist": (
        [llm("a")],
        {"tenantRef": {"name": "nobody"}},
        ("Accepted", "TenantNotFound"),
    ),
}


@pytest.mark.parametrize(("steps", "more", "want"), BAD.values(), ids=BAD)
def test_a_bad_pipeline_is_told_why_and_heals(stage, steps, more, want):
    kind, reason = want
    stage.kubectl.apply(stage.pipeline("bad", *steps, **more))
    wait(
        f"{kind} is False with reason {reason}",
        lambda: (
            (c := stage.condition("bad", kind)).get("status") == "False" and c["reason"] == reason
        ),
        20,
    )
    assert stage.condition("bad", "Stalled")["reason"] == reason
    stage.apply_pipeline("bad", llm("a"))
    assert stage.condition("bad", "Stalled") == {}


def test_the_api_server_refuses_what_cel_can_say(stage):
    step = {"name": "a", "type": "LLM", "http": {"url": "http://x.example/"}}
    with pytest.raises(KubectlError, match="exactly the member that its `type` names"):
        stage.kubectl.apply(stage.pipeline("bad", step))


def test_two_tenants_cannot_see_each_others_runs(stage, kubectl, forward, admin):
    other = Stage(kubectl, forward, admin, f"e2e-{secrets.token_hex(4)}")
    other.open()
    try:
        stage.apply_pipeline("mine", llm("a"))
        other.apply_pipeline("mine", llm("a"))
        door, stranger = stage.door(), other.door()
        run = stage.submit(door, "mine")
        path = f"/v1/namespaces/{stage.name}/pipelines/mine/runs"
        absent = f"/v1/namespaces/{secrets.token_hex(4)}/pipelines/mine/runs"
        for method, theirs, nobodys in (
            ("GET", f"{path}/{run}", f"{absent}/{run}"),
            ("GET", f"{path}/{run}/events", f"{absent}/{run}/events"),
            ("POST", f"{path}/{run}/cancel", f"{absent}/{run}/cancel"),
            ("GET", path, absent),
        ):
            refused = stranger.request(method, theirs)
            missing = stranger.request(method, nobodys)
            assert refused.status_code == missing.status_code == 404, method + theirs
            assert len(refused.json()) == len(missing.json())
        assert stranger.submit(stage.name, "mine", {"topic": "x"}).status_code == 404
        assert stage.wait_over(door, "mine", run)["status"] == "Succeeded"
    finally:
        other.close()
