"""Whole plans, kept as files that a person reads when they change."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

import golden
import make

HERE = Path(__file__).parent / "golden"

PLANS = {
    "the smallest pipeline": {},
    "the smallest pipeline without KEDA": {"keda": False},
    "two pools with everything that a pool may say": {
        "steps": [
            {
                "name": "fetch",
                "type": "HTTP",
                "pool": "io",
                "timeout": "30s",
                "http": {"url": "https://203.0.113.7/facts?q={{ input.topic }}"},
            },
            {
                "name": "draft",
                "type": "LLM",
                "dependsOn": ["fetch"],
                "llm": {"class": "small", "prompt": "Use {{ steps.fetch.output }}."},
            },
            {
                "name": "polish",
                "type": "Python",
                "dependsOn": ["draft"],
                "python": {"function": "essay.steps:polish"},
            },
        ],
        "pools": [
            {
                "name": "writers",
                "image": "registry.acme.example/essay:2",
                "resources": {"cpu": "500m", "memory": "1Gi", "cpuLimit": "2"},
                "env": [{"name": "STYLE", "value": "plain"}],
                "envFrom": [{"secretRef": {"name": "essay-secrets"}}],
                "concurrencyPerWorker": 2,
                "scaling": {"minReplicas": 1, "maxReplicas": 4, "idleAfter": "5m"},
                "drain": {"timeout": "20s"},
            },
            {"name": "io"},
        ],
        "egress": [{"cidr": "203.0.113.0/24", "ports": [443]}, {"namespace": "search"}],
        "allowed_egress": [{"cidr": "203.0.113.0/24"}, {"namespace": "search"}],
    },
}


@pytest.mark.parametrize("name", PLANS)
def test_plan(name):
    built = make.plan(**PLANS[name])
    document = {
        "ledger": {
            **dataclasses.asdict(dataclasses.replace(built.ledger, compiled=None)),
            "compiled": built.ledger.compiled.digest,
            "pools": [dataclasses.asdict(pool) for pool in built.ledger.pools],
        },
        "manifests": [manifest.body for manifest in built.manifests],
    }
    golden.check(HERE / f"{name.replace(' ', '_')}.yaml", document)


def test_the_same_input_makes_the_same_plan():
    assert make.plan() == make.plan()
