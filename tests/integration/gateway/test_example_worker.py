"""The worker in the documentation, run as it stands."""

from __future__ import annotations

import ast
import asyncio
import os
import sys
import urllib.error
from pathlib import Path

from gateway_provider import Provider, text
from gateway_scene import KEY, listening, scene

EXAMPLE = Path(__file__).parents[3] / "docs" / "example_worker.py"
GUIDE = EXAMPLE.with_name("worker-protocol.md")


async def test_the_worker_of_the_documentation_brings_a_run_to_its_end(ledger_server):
    provider = Provider(text("Rivers run."))
    async with listening(provider) as url, scene(ledger_server, [url]) as door:
        worker = await asyncio.create_subprocess_exec(
            sys.executable,
            str(EXAMPLE),
            door.url,
            door.names.namespace,
            "draft",
            "main",
            env={**os.environ, "HEADRACE_TOKEN": KEY},
        )
        try:
            answer = await door.submit(params={"wait": "20s"})
        finally:
            worker.terminate()
            await worker.wait()
        run = answer.json()
        assert run["status"] == "Succeeded", run
        assert run["output"] == {"echo": {"topic": "rivers"}, "seen": ["outline"]}
        assert run["usage"]["inputTokens"] == 10
        assert len(provider.asked) == 1


class Until:
    """Says that it is time to end once something holds."""

    def __init__(self, holds):
        self.holds = holds

    def wait(self, seconds):
        return self.holds()


def test_a_heartbeat_that_reaches_nobody_is_followed_by_the_next(monkeypatch):
    tree = ast.parse(EXAMPLE.read_text())
    tree.body = [node for node in tree.body if not isinstance(node, (ast.Expr, ast.While))]
    monkeypatch.setattr(sys, "argv", [str(EXAMPLE), "http://127.0.0.1:9", "team", "draft", "main"])
    monkeypatch.setenv("HEADRACE_TOKEN", KEY)
    worker = {}
    exec(compile(tree, str(EXAMPLE), "exec"), worker)  # all of it but the work itself
    asked = []

    def away(verb, body):
        asked.append((verb, [lease["task"] for lease in body["leases"]]))
        message = "nobody is there"
        raise urllib.error.URLError(message)

    worker["ask"] = away
    worker["HELD"]["t1"] = 3
    worker["beat"](Until(lambda: len(asked) == 2))
    assert asked == [("heartbeat", ["t1"])] * 2


def test_the_example_stays_small_and_the_guide_names_it():
    code = [line for line in EXAMPLE.read_text().splitlines() if line.strip()]
    assert len(code) <= 50
    assert EXAMPLE.name in GUIDE.read_text()
