"""The commands of a user against a real gateway, ledger and worker."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest

from cli_program import START
from headrace_cli.local.prepare import prepare
from headrace_cli.local.session import Wish, put, session
from headrace_cli.local.workers import environment_of, workers
from headrace_cli.manifests import load

pytestmark = pytest.mark.postgres

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "research"
WHERE = ("research", "-n", "acme-research")


@dataclass(frozen=True)
class Said:
    """How a command ended, and what it said."""

    exit_code: int | None
    stdout: str
    stderr: str

    @property
    def output(self):
        return self.stdout + self.stderr


@pytest.fixture
async def headrace():
    """Run a command line against a gateway whose pipeline has a worker."""
    async with session(Wish(path=EXAMPLE, value={"topic": "rivers"})) as opened:
        bundle = load(EXAMPLE)
        prepared = prepare(bundle, bundle.pipelines[0], opened.places, 1)
        await put(opened.there, prepared)
        environ = {
            "HEADRACE_GATEWAY_URL": opened.there.gateway_url,
            "HEADRACE_API_KEY": opened.there.key.get_secret_value(),
            "NO_COLOR": "1",
            "COLUMNS": "200",
        }

        async def run(*args):
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", START, *args),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={**os.environ, **environ},
            )
            out, err = await process.communicate()
            return Said(process.returncode, out.decode(), err.decode())

        (pool,) = bundle.pipelines[0].spec.pools
        pools = {pool.name: environment_of(pool, os.environ, EXAMPLE)}
        async with workers(opened.there, prepared.compiled, pools):
            yield run


async def test_a_run_is_submitted_followed_listed_shown_and_over(headrace):
    topic = ("--input", '{"topic": "mills"}')
    done = await headrace("run", *WHERE, *topic, "--follow")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["title"] == "Mills"
    assert "step.finished  summary" in done.stderr

    name = (await headrace("runs", "list", *WHERE, "-o", "name")).stdout.strip()
    shown = (await headrace("runs", "show", name, "-n", "acme-research")).stdout
    assert "Status:    Succeeded" in shown
    assert "0.0" in shown.split("Cost:")[1].splitlines()[0]
    again = await headrace("runs", "events", name, "-n", "acme-research", "-o", "json")
    kinds = [json.loads(line)["type"] for line in again.stdout.splitlines()]
    assert (kinds[0], kinds[-1]) == ("run.accepted", "run.finished")
    cancelled = await headrace("runs", "cancel", name, "-n", "acme-research")
    assert "unchanged: it is Succeeded already" in cancelled.stdout


async def test_the_same_key_is_the_same_run_and_another_body_is_refused(headrace):
    key = ("--idempotency-key", "k-1", "-o", "name")
    first = await headrace("run", *WHERE, "--input", '{"topic": "mills"}', *key)
    second = await headrace("run", *WHERE, "--input", '{"topic": "mills"}', *key)
    assert first.stdout == second.stdout
    other = await headrace("run", *WHERE, "--input", '{"topic": "tides"}', *key)
    assert other.exit_code == 1
    assert "(Conflict)" in other.stderr


async def test_an_input_that_does_not_fit_is_told_with_its_place(headrace):
    done = await headrace("run", *WHERE, "--input", '{"subject": "mills"}')
    assert done.exit_code == 1
    assert "input: must have 'topic'" in done.stderr


async def test_what_is_not_there_is_not_found(headrace):
    done = await headrace("run", "none", "-n", "acme-research")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "(NotFound)" in done.stderr


async def test_keys_are_created_listed_and_revoked(headrace):
    options = ("--name", "ci", "--scope", "submit", "--scope", "read", "--expires-in", "1h")
    made = await headrace("keys", "create", *options, "--tenant", "acme")
    assert made.stdout.startswith("hr_")
    listed = json.loads((await headrace("keys", "list", "--tenant", "acme", "-o", "json")).stdout)
    (key,) = listed["items"]
    assert made.stdout.strip() not in json.dumps(listed)
    revoked = await headrace("keys", "revoke", key["id"], "--tenant", "acme")
    assert revoked.stdout == f"key/{key['id']} revoked\n"
    rows = (await headrace("keys", "list", "--tenant", "acme")).stdout.splitlines()
    assert rows[1].split()[4] == "revoked"


async def test_the_doctor_finds_the_gateway(headrace):
    findings = json.loads((await headrace("doctor", "-o", "json")).stdout)
    assert findings[0]["what"] == "gateway"
    assert findings[0]["verdict"] == "good"


async def test_what_a_run_cost_is_told_in_each_form(headrace):
    done = await headrace("run", *WHERE, "--input", '{"topic": "mills"}', "--follow")
    assert done.exit_code == 0, done.output
    name = (await headrace("runs", "list", *WHERE, "-o", "name")).stdout.strip()
    found = {}
    for by in ("tenant", "pipeline", "run", "model"):
        told = json.loads((await headrace("cost", "--by", by, "-o", "json")).stdout)
        found[by] = told["items"]
    keys = ["acme", "acme-research/research", name.rsplit("/")[-1]]
    assert [one["key"] for by in ("tenant", "pipeline", "run") for one in found[by]] == keys
    (sums,) = found["tenant"]
    for items in found.values():
        assert sum(Decimal(one["cost"]) for one in items) == Decimal(sums["cost"]) > 0
        assert sum(one["calls"] for one in items) == sums["calls"]
    (row,) = csv.DictReader(io.StringIO((await headrace("cost", "-o", "csv")).stdout))
    assert (row["tenant"], row["cost"]) == ("acme", sums["cost"])
    focus = list(csv.DictReader(io.StringIO((await headrace("cost", "-o", "focus")).stdout)))
    assert sum(Decimal(one["BilledCost"]) for one in focus) == Decimal(sums["cost"])
    assert {one["SubAccountId"] for one in focus} == {"acme"}
    title, line = (await headrace("cost")).stdout.splitlines()
    assert title.split()[:2] == ["TENANT", "TENANT"]
    assert f"{sums['cost']} {sums['currency']}" in line
    longago = ("--since", "2020-01-01", "--until", "2020-01-02", "-o", "json")
    assert json.loads((await headrace("cost", *longago)).stdout)["items"] == []
