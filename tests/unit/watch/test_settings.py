"""Bad settings fail at start, not at the first pipeline."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from headrace_operator.settings import Settings


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    monkeypatch.setenv("HEADRACE_LEDGER_URL", "postgresql://127.0.0.1/headrace")


RANGES = {
    "none": ("", ()),
    "one of each version": ("10.0.0.0/16, 2001:DB8::/32", ("10.0.0.0/16", "2001:db8::/32")),
}


@pytest.mark.parametrize(("given", "want"), RANGES.values(), ids=RANGES)
def test_ranges_of_nodes(given, want, monkeypatch):
    monkeypatch.setenv("HEADRACE_NODE_CIDRS", given)
    assert Settings().node_cidrs == want


@pytest.mark.parametrize("given", ["10.0.0.1/16", "10.0.0.0/33", "nodes"])
def test_a_range_that_is_none(given, monkeypatch):
    monkeypatch.setenv("HEADRACE_NODE_CIDRS", given)
    with pytest.raises(ValidationError, match="node_cidrs"):
        Settings()
