"""The page of HTTP reasons: it says all that the gateway may say, and nothing else."""

from __future__ import annotations

import pytest

from crdgen import http_reasons
from headrace_contract.failures import ErrorClass
from headrace_gateway.models.refusals import STATUS


def test_every_status_of_a_model_call_is_on_the_page():
    page = http_reasons.page()
    assert all(f"| {status} | `{kind}` |" in page for kind, status in STATUS.items())
    assert STATUS.keys() <= set(ErrorClass)


def test_a_reason_that_nobody_explains_is_not_printed(monkeypatch):
    monkeypatch.delitem(http_reasons.MEANING, "Conflict")
    with pytest.raises(http_reasons.UndocumentedError, match="Conflict"):
        http_reasons.page()


def test_a_meaning_of_nothing_is_not_printed(monkeypatch):
    monkeypatch.setitem(http_reasons.MEANING, "Teapot", "It is one.")
    with pytest.raises(http_reasons.UndocumentedError, match="Teapot"):
        http_reasons.page()
