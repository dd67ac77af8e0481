"""What a worker pod needs around its work: settings, logs, health, the cold start."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
import urllib.error
import urllib.request

import pytest

from headrace_worker.errors import SettingsError
from headrace_worker.health import Health
from headrace_worker.logs import Facts, JsonLines
from headrace_worker.settings import Settings
from headrace_worker.vitals import DEAD_SECONDS, Vitals

WHOLE = {"HEADRACE_NAMESPACE": "team", "HEADRACE_PIPELINE": "essay", "HEADRACE_POOL": "main"}


def test_the_settings_of_a_pod():
    environ = {
        **WHOLE,
        "HEADRACE_GATEWAY_URL": "http://gateway:8080",
        "HEADRACE_CONCURRENCY": "8",
        "HEADRACE_DRAIN_SECONDS": "300",
        "HEADRACE_TOKEN_FILE": "/var/run/token",
        "HEADRACE_POD_NAME": "essay-main-1",
        "HEADRACE_HEALTH_PORT": "8081",
        "HEADRACE_NODE_CIDRS": "10.0.0.0/16,2001:db8::/32",
    }
    found = Settings.from_env(environ)
    assert (found.worker, found.concurrency, found.drain_seconds) == ("essay-main-1", 8, 300)
    assert str(found.token_file) == "/var/run/token"
    assert found.node_cidrs == ("10.0.0.0/16", "2001:db8::/32")


def test_the_settings_of_a_laptop_are_short():
    found = Settings.from_env(WHOLE)
    assert found.gateway_url == "http://127.0.0.1:8080"
    assert found.worker
    assert found.token_file is None
    assert found.node_cidrs == ()


WRONG = {
    "no pool": ({"HEADRACE_POOL": " "}, "HEADRACE_POOL must be set"),
    "words for a number": ({"HEADRACE_CONCURRENCY": "many"}, "HEADRACE_CONCURRENCY must be"),
    "no slot at all": ({"HEADRACE_CONCURRENCY": "0"}, "from 1 to 100"),
    "a port that is none": ({"HEADRACE_HEALTH_PORT": "99999"}, "HEADRACE_HEALTH_PORT"),
}


@pytest.mark.parametrize(("change", "words"), WRONG.values(), ids=WRONG)
def test_wrong_settings_name_the_variable(change, words):
    with pytest.raises(SettingsError, match=words):
        Settings.from_env({**WHOLE, **change})


def test_a_log_line_is_one_object_with_its_fields():
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    facts = Facts()
    facts.now = {"run": "r1"}
    handler.addFilter(facts)
    log = logging.getLogger("headrace.test")
    log.propagate = False
    log.setLevel(logging.INFO)
    log.addHandler(handler)
    log.info("Step %s.", "done", extra={"fence": 3})
    try:
        {}["x"]
    except KeyError:
        log.exception("Broken.")
    first, second = (json.loads(line) for line in stream.getvalue().splitlines())
    assert first.pop("time").endswith("Z")
    assert first == {
        "level": "info",
        "logger": "headrace.test",
        "message": "Step done.",
        "fence": 3,
        "run": "r1",
    }
    assert "KeyError" in second["exception"]


def status(url):
    try:
        with urllib.request.urlopen(url) as answer:
            return answer.status
    except urllib.error.HTTPError as exc:
        exc.close()
        return exc.code


def test_health_is_the_loop_and_readiness_the_first_answer():
    now = [100.0]
    vitals = Vitals(lambda: now[0])
    health = Health(vitals, 0, "127.0.0.1")
    health.start()
    url = f"http://127.0.0.1:{health.port}"
    try:
        assert (status(f"{url}/healthz"), status(f"{url}/readyz")) == (200, 503)
        vitals.ready = True
        assert (status(f"{url}/healthz"), status(f"{url}/readyz")) == (200, 200)
        now[0] += DEAD_SECONDS + 1
        assert (status(f"{url}/healthz"), status(f"{url}/readyz")) == (503, 503)
        vitals.turned()
        assert status(f"{url}/healthz") == 200
        assert status(f"{url}/") == 404
    finally:
        health.stop()


START = """
import resource, sys
from headrace_worker import __main__
used = resource.getrusage(resource.RUSAGE_SELF)
print(len(sys.modules), used.ru_utime + used.ru_stime, *sorted(sys.modules))
"""
NEVER = {"headrace_ledger", "headrace_operator", "asyncpg", "kopf", "kubernetes", "grpc", "openai"}
LATER = {
    *("jinja2", "celpy", "jsonschema", "http.server", "headrace_contract.check"),
    *("aiohttp", "httpx2"),
}


def test_what_is_imported_before_the_first_claim():
    told = subprocess.run(
        [sys.executable, "-c", START], capture_output=True, text=True, check=True
    ).stdout.split()
    modules = set(told[2:])
    assert not modules & (NEVER | LATER | {"structlog", "pydantic_settings", "prometheus_client"})
    assert int(told[0]) < 330
    assert float(told[1]) < 2.0  # CPU seconds; 0.6 is the promise, on a machine that is not busy


EARLY = """
import os, signal, sys

class Term:
    def find_spec(self, name, path, target=None):
        if name == "headrace_worker.connect":
            os.kill(os.getpid(), signal.SIGTERM)

sys.meta_path.insert(0, Term())
import headrace_worker.__main__
sys.exit(9)
"""


def test_a_sigterm_during_the_imports_ends_the_worker_at_once():
    done = subprocess.run([sys.executable, "-c", EARLY], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
