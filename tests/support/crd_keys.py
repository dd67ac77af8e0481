"""Limits per key, as cases of the schema."""

from __future__ import annotations

from typing import Any

from crd_cases import Case, pipeline
from headrace_contract.resources.kinds import AGENT_PIPELINE


def _keyed(*keys: dict[str, Any]) -> dict[str, Any]:
    return pipeline(limits={"perKey": list(keys)})


def _key(**changes: Any) -> dict[str, Any]:
    return {"name": "customer", "key": "input.customer", "limit": 2, **changes}


_EVERY = [_key(name=f"k-{n}", onExceed="Reject") for n in range(5)]
CASES = (
    Case("limits per key", AGENT_PIPELINE, _keyed(*_EVERY[:4])),
    Case("more than four keys", AGENT_PIPELINE, _keyed(*_EVERY), "perKey"),
    Case("no run of a key", AGENT_PIPELINE, _keyed(_key(limit=0)), "limit"),
    Case("an empty key", AGENT_PIPELINE, _keyed(_key(key="")), "key"),
    Case("a key without a name", AGENT_PIPELINE, _keyed({"key": "input", "limit": 1}), "name"),
    Case("parks what is over", AGENT_PIPELINE, _keyed(_key(onExceed="Park")), "onExceed"),
)
