"""Nothing of a client's own kind gets out of `apply`, and every answer has its meaning."""

from __future__ import annotations

import json

import aiohttp
import pytest
from kubernetes.aio.client.exceptions import ApiException

from headrace_contract.reasons import MEANING
from headrace_ledger import errors as ledger_side
from headrace_operator import errors
from headrace_operator.apply.errors import kube_errors, ledger_errors, of_status, retry_after

STATUSES = {
    400: errors.RefusedError,
    401: errors.ClusterUnavailableError,
    403: errors.ForbiddenError,
    404: errors.GoneError,
    405: errors.RefusedError,
    408: errors.ClusterUnavailableError,
    409: errors.ConflictError,
    410: errors.ClusterUnavailableError,
    413: errors.RefusedError,
    415: errors.RefusedError,
    422: errors.RefusedError,
    429: errors.ClusterUnavailableError,
    500: errors.ClusterUnavailableError,
    502: errors.ClusterUnavailableError,
    503: errors.ClusterUnavailableError,
    504: errors.ClusterUnavailableError,
}


@pytest.mark.parametrize(("status", "want"), STATUSES.items(), ids=str)
def test_each_status_has_its_meaning(status, want):
    told = of_status(status, json.dumps({"message": "the server's words"}).encode(), {})
    assert type(told) is want
    assert str(told) == "the server's words"


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"message": null}', b'{"no": 1}'])
def test_an_answer_that_is_no_status_is_understood_too(body):
    assert str(of_status(503, body, {}))


def test_a_namespace_that_ends_is_no_missing_permission():
    body = b'{"message": "forbidden: unable to create: namespace x is being terminated"}'
    assert type(of_status(403, body, {})) is errors.ConflictError


@pytest.mark.parametrize("status", [400, 403, 409, 422, 429, 500, 503])
def test_no_client_error_gets_out(status):
    with pytest.raises(errors.ReconcileError), kube_errors():
        raise ApiException(status=status)


@pytest.mark.parametrize(
    "cause",
    [aiohttp.ClientConnectionError("x"), TimeoutError(), ConnectionResetError(), OSError()],
    ids=repr,
)
def test_no_transport_error_gets_out(cause):
    with pytest.raises(errors.ClusterUnavailableError), kube_errors():
        raise cause


LEDGER = [
    value
    for value in vars(ledger_side).values()
    if isinstance(value, type) and issubclass(value, ledger_side.LedgerError)
]


@pytest.mark.parametrize("cause", LEDGER, ids=lambda one: one.__name__)
def test_no_error_of_the_ledger_gets_out(cause):
    with pytest.raises(errors.ReconcileError) as caught, ledger_errors():
        raise cause
    assert isinstance(caught.value, errors.LedgerUnavailableError | errors.RefusedError)


def test_the_ledgers_address_is_not_repeated():
    with pytest.raises(errors.LedgerUnavailableError) as caught, ledger_errors():
        raise OSError("cannot connect to postgresql://user:secret@host")  # noqa: TRY003, EM101 -- as asyncpg would
    assert "secret" not in str(caught.value)


SENT = "Mon, 23 Nov 2026 00:00:00 GMT"
WAITS = {
    "seconds": ({"Retry-After": "7"}, 7.0),
    "a date": ({"Retry-After": "Mon, 23 Nov 2026 00:00:30 GMT", "Date": SENT}, 30.0),
    "a date that has passed": ({"Retry-After": SENT, "Date": SENT}, 0.0),
    "a date without a clock to compare": ({"Retry-After": SENT}, None),
    "nonsense": ({"Retry-After": "soon", "Date": SENT}, None),
    "nothing": ({}, None),
}


@pytest.mark.parametrize(("headers", "want"), WAITS.values(), ids=WAITS)
def test_retry_after(headers, want):
    assert retry_after(headers) == want


def test_every_error_has_a_documented_reason():
    kinds = [errors.ReconcileError]
    for kind in kinds:
        kinds += kind.__subclasses__()
        assert kind.reason in MEANING
    assert len(kinds) > 8
