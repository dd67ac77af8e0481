"""Where the limits of a provider may come from, as cases of the schema."""

from __future__ import annotations

from crd_cases import Case, provider
from headrace_contract.resources.kinds import MODEL_PROVIDER

_LIMIT = {"name": "rpm", "resource": "requests", "limit": 60, "window": "1m"}

CASES = (
    Case("limits that are said", MODEL_PROVIDER, provider(limitsFrom="ResponseHeaders")),
    Case(
        "limits that are said and declared",
        MODEL_PROVIDER,
        provider(limitsFrom="ResponseHeaders", limits=[_LIMIT]),
    ),
    Case("limits from nowhere", MODEL_PROVIDER, provider(limitsFrom="Trailers"), "Static"),
)
