"""How a provider that nobody may call says so."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

import make
from headrace_contract.resources.model_provider import ModelProviderStatus
from headrace_operator.model.identity import Identity
from headrace_operator.model.seen import ProviderSeen
from headrace_operator.model.usage import Cooldown
from headrace_operator.status.notes import notes
from headrace_operator.status.platform import assess_provider

FEBRUARY = datetime(2026, 2, 1, tzinfo=UTC)


def told(status, kind):
    [one] = [one for one in status["conditions"] if one["type"] == kind]
    return one["status"], one["reason"]


COOLS = {
    "429": ("RateLimited", []),
    "nothing is left": ("ProviderExhausted", []),
    "fails": ("CircuitOpen", [("Warning", "CircuitOpen")]),
}


@pytest.mark.parametrize(("reason", "events"), COOLS.values(), ids=COOLS)
def test_a_provider_that_cools_says_why_and_until_when(reason, events):
    raw = make.provider()
    identity, spec = Identity.of(raw), make.parsed_provider(raw)
    cooldown = Cooldown(identity.name, FEBRUARY, reason)
    well = assess_provider(ProviderSeen(identity, {}, spec, ()), None, None, make.NOW)
    seen_so = ProviderSeen(identity, well, spec, (), cooldown=cooldown)
    status = assess_provider(seen_so, None, None, make.NOW)
    assert told(status, "CoolingDown") == ("True", reason)
    assert status["cooldownUntil"] == "2026-02-01T00:00:00Z"
    ModelProviderStatus.model_validate(status)
    assert [(one.type, one.reason) for one in notes(well, status)] == events
    assert "cooldownUntil" not in well


STOPS = {"Hold": "StopPolicyHold", "HoldAndDrain": "StopPolicyHoldAndDrain"}


@pytest.mark.parametrize(("policy", "reason"), STOPS.items())
def test_a_held_provider_says_so(policy, reason):
    raw = make.provider(stopPolicy=policy)
    identity, spec = Identity.of(raw), make.parsed_provider(raw)
    status = assess_provider(ProviderSeen(identity, {}, spec, ()), None, None, make.NOW)
    assert told(status, "Paused") == ("True", reason)
