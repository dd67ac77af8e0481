"""What a webhook is told, and how it is signed."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from pydantic import SecretStr

from headrace_gateway.webhooks.message import event, headers, key_of
from headrace_ledger.deliveries import Delivery

AT = datetime(2026, 11, 25, 12, 30, 1, 999, UTC)
BERLIN = timezone(timedelta(hours=1))
DELIVERY = Delivery(
    tenant="acme",
    id=UUID(int=7),
    name="budget.month",
    amount=12_500_000_000,
    percent=80,
    exhausted=False,
    window_end=datetime(2026, 12, 1, tzinfo=BERLIN),
    spent=10_000_000_001,
    currency="EUR",
    at=AT,
    tries=3,
    last=False,
    webhook="{}",
)
KEY = b"0123456789abcdef01234567"


def test_an_event_says_whose_budget_came_to_what():
    said = json.loads(event(DELIVERY))
    assert said["time"] == "2026-11-25T12:30:01Z"
    assert said["data"] == {
        "tenant": "acme",
        "budget": "month",
        "percent": 80,
        "amount": "12.5",
        "spent": "10.000000001",
        "currency": "EUR",
        "windowEnd": "2026-11-30T23:00:00Z",
    }


def test_a_signature_is_the_one_that_standard_webhooks_verify():
    """The example of their specification."""
    key = key_of(SecretStr("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))
    body = b'{"test": 2432232314}'
    now = datetime.fromtimestamp(1614265330, UTC)
    said = headers(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", body, now)
    assert said["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert (said["webhook-id"], said["webhook-timestamp"]) == (
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "1614265330",
    )


KEYS = {
    "base64": "whsec_" + base64.b64encode(KEY).decode(),
    "text": KEY.decode(),
    "text with the end of its line": KEY.decode() + "\n",
}


@pytest.mark.parametrize("text", KEYS.values(), ids=KEYS)
def test_a_key_is_read_from(text):
    assert key_of(SecretStr(text)) == KEY


NO_KEYS = {
    "nothing": "",
    "a short text": KEY.decode()[1:],
    "a short key": "whsec_" + base64.b64encode(KEY[1:]).decode(),
    "no base64": "whsec_" + "?" * 40,
}


@pytest.mark.parametrize("text", NO_KEYS.values(), ids=NO_KEYS)
def test_no_key_is(text):
    with pytest.raises(ValueError, match=r"."):
        key_of(SecretStr(text))
