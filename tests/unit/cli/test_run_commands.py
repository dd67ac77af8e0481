"""`run`, `runs` and `keys`: what they ask for, what they print, how they end."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
import yaml

from cli_gateway import RUN, event, key_view, run_view, token

STEPS = [
    {"step": "a", "state": "done", "attempt": 1},
    {"step": "b", "state": "dead", "attempt": 3, "errorClass": "StepError", "message": "boom"},
]
FAILED = run_view("Failed", error={"errorClass": "StepError", "message": "boom"}, steps=STEPS)


def finished(status="Succeeded"):
    return [
        event(1, "run.accepted"),
        event(2, "step.started", "a"),
        token("a", "Once upon"),
        event(3, "step.finished", "a"),
        event(4, "run.finished", status=status),
    ]


def test_a_submit_prints_the_run(headrace, gateway):
    done = headrace("run", "draft", "-n", "ns", "--input", '{"a": 1}', "--idempotency-key", "k")
    assert (done.exit_code, done.stdout) == (0, f"run/{RUN} accepted\n")
    (asked,) = gateway.asked
    assert asked.url.path == "/v1/namespaces/ns/pipelines/draft/runs"
    assert json.loads(asked.content) == {"a": 1}
    assert asked.headers["idempotency-key"] == "k"


def test_a_submit_says_how_soon_and_until_when(headrace, gateway):
    at = "2100-01-31T12:00:00+00:00"
    done = headrace("run", "draft", "--priority", "High", "--deadline", at)
    assert done.exit_code == 0
    assert headrace("run", "draft", "--deadline", "2h").exit_code == 0
    first, second = gateway.asked
    assert dict(first.url.params) == {"priority": "High", "deadline": at}
    left = datetime.fromisoformat(second.url.params["deadline"]) - datetime.now(UTC)  # noqa: TID251 -- what the command itself counts from
    assert timedelta(hours=1.9) < left <= timedelta(hours=2)


@pytest.mark.parametrize("given", ["soon", "2100-01-31T12:00:00", ""])
def test_a_deadline_that_is_none_is_the_users_error(headrace, gateway, given):
    done = headrace("run", "draft", "--deadline", given)
    assert done.exit_code == 2
    assert "`--deadline` must be like" in done.stderr
    assert gateway.asked == []


def test_a_submit_prints_names_and_json(headrace, gateway):
    assert headrace("run", "draft", "-o", "name").stdout == f"run/{RUN}\n"
    assert json.loads(headrace("run", "draft", "-o", "json").stdout)["id"] == RUN


def test_input_comes_from_a_file_or_from_stdin(headrace, gateway, tmp_path):
    file = tmp_path / "input.json"
    file.write_text('{"from": "file"}')
    headrace("run", "draft", "--input", f"@{file}")
    headrace("run", "draft", "--input", "-", input='{"from": "stdin"}')
    assert [json.loads(each.content)["from"] for each in gateway.asked] == ["file", "stdin"]


@pytest.mark.parametrize("given", ["{", "@/does/not/exist", "not json"])
def test_input_that_cannot_be_read_is_the_users_error(headrace, gateway, given):
    done = headrace("run", "draft", "--input", given)
    assert done.exit_code == 2
    assert done.stderr.startswith("error: `--input` must")
    assert gateway.asked == []


def test_a_followed_run_shows_steps_on_stderr_and_its_answer_on_stdout(headrace, gateway):
    gateway.streams = [finished()]
    done = headrace("run", "draft", "--follow")
    assert done.exit_code == 0
    assert json.loads(done.stdout) == {"title": "Rivers"}
    assert "step.finished  a" in done.stderr
    assert "Once upon" not in done.stderr


def test_a_followed_run_is_a_stream_of_events_in_json(headrace, gateway):
    gateway.streams = [finished()]
    done = headrace("run", "draft", "--follow", "-o", "json")
    types = [json.loads(line)["type"] for line in done.stdout.splitlines()]
    assert types == ["run.accepted", "step.started", "token", "step.finished", "run.finished"]


def test_the_outcome_of_a_run_is_the_exit_code(headrace, gateway):
    gateway.run = FAILED
    for how in (["--wait"], ["--follow"], ["--follow", "-o", "json"]):
        gateway.streams = [finished("Failed")]
        assert headrace("run", "draft", *how).exit_code == 1
    gateway.streams = [finished("Failed")]
    done = headrace("run", "draft", "--wait")
    assert done.stdout == ""
    assert "step b: StepError: boom" in done.stderr


def test_a_refusal_is_told_and_nothing_else(headrace, gateway):
    gateway.problem = (404, {"title": "There is nothing here.", "reason": "NotFound"})
    done = headrace("run", "draft")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == "error: There is nothing here. (NotFound)\n"


def test_runs_are_listed_as_kubectl_would(headrace, gateway):
    gateway.pages = [{"items": [run_view()]}]
    head, row = headrace("runs", "list", "draft", "-n", "ns").stdout.splitlines()
    assert head.split() == ["RUN", "STATUS", "PRIORITY", "TOKENS", "COST", "AGE"]
    assert row.split()[:6] == [RUN, "Succeeded", "Normal", "120", "0.000135", "USD"]


LISTS = {
    "wide": lambda out: "DIGEST" in out,
    "name": lambda out: out == f"draft/{RUN}\n",
    "json": lambda out: json.loads(out)["items"][0]["id"] == RUN,
    "yaml": lambda out: yaml.safe_load(out)["items"][0]["status"] == "Succeeded",
}


@pytest.mark.parametrize(("fmt", "right"), LISTS.items(), ids=LISTS)
def test_runs_are_printed_in_every_format(headrace, gateway, fmt, right):
    gateway.pages = [{"items": [run_view()]}]
    assert right(headrace("runs", "list", "draft", "-o", fmt).stdout)


def test_an_empty_list_says_so(headrace, gateway):
    gateway.pages = [{"items": []}]
    assert headrace("runs", "list", "draft").stdout == "No resources found.\n"


def test_a_run_is_shown_with_its_steps_and_errors(headrace, gateway):
    gateway.run = FAILED
    told = headrace("runs", "show", f"draft/{RUN}").stdout
    assert "Error:     StepError: boom" in told
    assert "b      dead    3         0        StepError: boom" in told
    assert yaml.safe_load(headrace("runs", "show", f"draft/{RUN}", "-o", "yaml").stdout)["steps"]


def test_a_run_must_be_named_with_its_pipeline(headrace, gateway):
    done = headrace("runs", "show", RUN)
    assert done.exit_code == 2
    assert "PIPELINE/RUN" in done.stderr


def test_events_wait_and_cancel(headrace, gateway):
    gateway.streams = [finished(), finished()]
    assert "run.finished  Succeeded" in headrace("runs", "events", f"draft/{RUN}").stdout
    assert '"Rivers"' in headrace("runs", "wait", f"draft/{RUN}").stdout
    assert headrace("runs", "cancel", f"draft/{RUN}").stdout == f"run/{RUN} cancelled\n"
    assert gateway.asked[-1].method == "POST"


def test_a_new_key_is_alone_on_stdout(headrace, gateway):
    options = ("--name", "ci", "--scope", "submit", "--scope", "read", "--expires-in", "30d")
    done = headrace("keys", "create", *options, "--tenant", "acme")
    assert done.stdout == "hr_a_b\n"
    assert "hr_a_b" not in done.stderr
    asked = json.loads(gateway.asked[0].content)
    assert asked == {
        "name": "ci",
        "scopes": ["submit", "read"],
        "tenant": "acme",
        "expiresInSeconds": 30 * 86400,
    }


@pytest.mark.parametrize("age", ["", "30", "d", "1w", "-1d", "10s"])
def test_a_lifetime_that_makes_no_sense_is_refused(headrace, gateway, age):
    done = headrace("keys", "create", "--name", "x", "--scope", "read", "--expires-in", age)
    assert done.exit_code == 2
    assert gateway.asked == []


def test_keys_are_listed_with_their_state(headrace, gateway):
    gateway.keys = [
        key_view(),
        key_view(id="k-2", revokedAt="2026-01-01T00:00:00Z"),
        key_view(id="k-3", expiresAt="2020-01-01T00:00:00Z"),
    ]
    rows = headrace("keys", "list").stdout.splitlines()
    assert [row.split()[4] for row in rows] == ["STATE", "active", "revoked", "expired"]


def test_a_key_is_revoked_by_its_id(headrace, gateway):
    assert headrace("keys", "revoke", "k-1").stdout == "key/k-1 revoked\n"
    assert (gateway.asked[0].method, gateway.asked[0].url.path) == ("DELETE", "/v1/keys/k-1")


def test_keys_are_listed_with_their_end_and_their_last_use(headrace, gateway):
    now = datetime.now(UTC)  # noqa: TID251 -- the command looks at the same clock
    gateway.keys = [
        key_view(expiresAt=(now + timedelta(hours=23, minutes=30)).isoformat()),
        key_view(id="k-2", lastUsedAt=(now - timedelta(minutes=3)).isoformat()),
        key_view(id="k-3", expiresAt=(now - timedelta(hours=1)).isoformat()),
    ]
    head, *rows = headrace("keys", "list").stdout.splitlines()
    assert ("EXPIRES" in head, "LAST USED" in head) == (True, True)
    assert [re.split(r" {3,}", row)[4:7] for row in rows] == [
        ["active", "in 23h", "<none>"],
        ["active", "<none>", "3m ago"],
        ["expired", "<none>", "<none>"],
    ]


def test_a_rotated_keys_new_text_is_alone_on_stdout(headrace, gateway):
    done = headrace("keys", "rotate", "k-0", "--overlap", "12h", "--tenant", "acme")
    assert done.stdout == "hr_a_b\n"
    assert "hr_a_b" not in done.stderr
    assert "key/k-0 ends in 12h" in done.stderr
    assert gateway.asked[0].url.path == "/v1/keys/k-0/rotate"
    assert json.loads(gateway.asked[0].content) == {"tenant": "acme", "overlapSeconds": 43200}


def test_an_old_key_lives_on_for_a_day_unless_told_otherwise(headrace, gateway):
    headrace("keys", "rotate", "k-0")
    assert json.loads(gateway.asked[0].content) == {"overlapSeconds": 86400}


@pytest.mark.parametrize("overlap", ["", "1w", "-1d", "31d"])
def test_an_overlap_that_makes_no_sense_is_refused(headrace, gateway, overlap):
    assert headrace("keys", "rotate", "k-0", "--overlap", overlap).exit_code == 2
    assert gateway.asked == []
