"""What a webhook is told: a CloudEvent, signed as Standard Webhooks are."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from pydantic_core import to_json

from headrace_contract.names import OF_BUDGET

if TYPE_CHECKING:
    from datetime import datetime

    from pydantic import SecretStr

    from headrace_ledger.deliveries import Delivery

EXHAUSTED: Final = "dev.headrace.budget.exhausted"
SOFT_REACHED: Final = "dev.headrace.budget.soft-reached"
KEY_BYTES: Final = 24
_ENCODED: Final = "whsec_"


def event(delivery: Delivery) -> bytes:
    """Write a delivery as a CloudEvent 1.0 in JSON; the same bytes at each try."""
    budget = delivery.name.removeprefix(OF_BUDGET)
    return to_json(
        {
            "specversion": "1.0",
            "id": str(delivery.id),
            "type": EXHAUSTED if delivery.exhausted else SOFT_REACHED,
            "source": f"/tenants/{delivery.tenant}/budgets/{budget}",
            "time": _instant(delivery.at),
            "datacontenttype": "application/json",
            "data": {
                "tenant": delivery.tenant,
                "budget": budget,
                "percent": delivery.percent,
                "amount": _money(delivery.amount),
                "spent": _money(delivery.spent),
                "currency": delivery.currency,
                "windowEnd": _instant(delivery.window_end),
            },
        }
    )


def key_of(secret: SecretStr) -> bytes:
    """Return the key: what follows `whsec_` is base64, any other text is the key as it stands.

    Raises ValueError for what is neither, or too short to be one.
    """
    text = secret.get_secret_value().strip()
    encoded = text.startswith(_ENCODED)
    key = base64.b64decode(text[len(_ENCODED) :], validate=True) if encoded else text.encode()
    if len(key) < KEY_BYTES:
        message = f"a key has {KEY_BYTES} bytes or more"
        raise ValueError(message)
    return key


def headers(key: bytes, name: str, body: bytes, now: datetime) -> dict[str, str]:
    """Sign id, time and body: none of them can be changed, and an old one is seen to be old."""
    timestamp = str(int(now.timestamp()))
    signed = b".".join((name.encode(), timestamp.encode(), body))
    signature = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    return {
        "content-type": "application/cloudevents+json; charset=utf-8",
        "webhook-id": name,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{signature}",
    }


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _money(billionths: int) -> str:
    return f"{Decimal(billionths).scaleb(-9).normalize():f}"
