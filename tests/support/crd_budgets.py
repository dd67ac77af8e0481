"""What may be said of budgets that save and of circuits, as cases of the schema."""

from __future__ import annotations

from typing import Any

from crd_cases import Case, provider, tenant
from headrace_contract.resources.kinds import AGENT_TENANT, MODEL_PROVIDER

_TO = "`degradeTo` must be given with `onSoft: DegradeClass`"
_LONG = "`openFor` must not be longer than `maxOpenFor`"
_AT = "`softPercents` must be given with `onSoft: DegradeClass`"


def _budget(percents: list[int], **changes: Any) -> dict[str, Any]:
    budget = {"name": "monthly", "amount": "100", "softPercents": percents, **changes}
    return tenant(budgets=[budget])


def _tells(url: str, **secret: Any) -> dict[str, Any]:
    ref = {"name": "acme-hook", **secret}
    return _budget([80], webhook={"url": url, "secretRef": ref})


def _saves(percents: list[int], **changes: Any) -> dict[str, Any]:
    return _budget(percents, onSoft="DegradeClass", degradeTo="small", **changes)


def _breaks(**changes: Any) -> dict[str, Any]:
    return provider(circuitBreaker=changes)


def _workers(**price: Any) -> dict[str, Any]:
    return tenant(workerPrice=price)


CASES = (
    Case("a price of workers", AGENT_TENANT, _workers(cpuHour="0.03", memoryGiBHour="0.004")),
    Case("a price of cores alone", AGENT_TENANT, _workers(cpuHour="0.03"), "memoryGiBHour"),
    Case(
        "workers for nothing",
        AGENT_TENANT,
        _workers(cpuHour="0", memoryGiBHour="0.004"),
        "the amount must be more than 0",
    ),
    Case("a circuit", MODEL_PROVIDER, _breaks()),
    Case("a circuit that stays open", MODEL_PROVIDER, _breaks(openFor="20m"), _LONG),
    Case("a circuit of no failure", MODEL_PROVIDER, _breaks(consecutiveFailures=0), "consecutive"),
    Case("a budget that saves", AGENT_TENANT, _saves([80])),
    Case("saves by nothing", AGENT_TENANT, _budget([80], onSoft="DegradeClass"), _TO),
    Case("a class for nothing", AGENT_TENANT, _budget([80], degradeTo="small"), _TO),
    Case("saves from nowhere", AGENT_TENANT, _saves([]), _AT),
    Case("saves in Shadow mode", AGENT_TENANT, _saves([80], mode="Shadow"), _AT),
    Case("a webhook", AGENT_TENANT, _tells("https://acme.example/hook?to=us")),
    Case("a webhook of its own key", AGENT_TENANT, _tells("https://acme.example:8443", key="a.b")),
    Case("a webhook in the clear", AGENT_TENANT, _tells("http://acme.example/hook"), "url"),
    Case("a webhook of a user", AGENT_TENANT, _tells("https://me:mine@acme.example/"), "url"),
    Case("a webhook nowhere", AGENT_TENANT, _tells("https:///hook"), "url"),
    Case("a webhook with a part", AGENT_TENANT, _tells("https://acme.example/#part"), "url"),
    Case("a key of no name", AGENT_TENANT, _tells("https://acme.example/", key="a b"), "key"),
    Case(
        "a webhook that nobody signs",
        AGENT_TENANT,
        _budget([80], webhook={"url": "https://acme.example/"}),
        "secretRef",
    ),
)
