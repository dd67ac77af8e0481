"""What a provider's refusal means: one table."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from headrace_contract.failures import ErrorClass
from headrace_gateway.models import openai_compatible as dialect
from headrace_gateway.models.refusals import STATUS, ModelError

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def failed(status: int, body: object = None, headers: dict[str, str] | None = None):
    content = json.dumps(body).encode() if body is not None else b""
    return dialect.failure(status, headers or {}, content, lambda: NOW)


CODE = {"error": {"message": "No.", "code": "content_filter"}}
WINDOW = {"error": {"message": "Too long.", "code": "context_length_exceeded"}}
TABLE = {
    "a bad request": (400, None, ErrorClass.BAD_REQUEST),
    "a prompt beyond the window": (400, WINDOW, ErrorClass.BAD_REQUEST),
    "a prompt that the filter stops": (400, CODE, ErrorClass.REFUSED),
    "a wrong key": (401, None, ErrorClass.PROVIDER_ERROR),
    "no money": (402, None, ErrorClass.PROVIDER_ERROR),
    "a key without the right": (403, None, ErrorClass.PROVIDER_ERROR),
    "a model that is not there": (404, None, ErrorClass.PROVIDER_ERROR),
    "a slow request": (408, None, ErrorClass.TIMEOUT),
    "a conflict": (409, None, ErrorClass.PROVIDER_ERROR),
    "a large request": (413, None, ErrorClass.BAD_REQUEST),
    "a request that does not fit": (422, None, ErrorClass.BAD_REQUEST),
    "a limit": (429, None, ErrorClass.RATE_LIMITED),
    "a limit told by its code": (400, {"error": {"code": "rate_limit_exceeded"}}, "RateLimited"),
    "an unknown refusal": (418, None, ErrorClass.BAD_REQUEST),
    "a legal refusal": (451, None, ErrorClass.REFUSED),
    "a redirect, which is never followed": (302, None, ErrorClass.PROVIDER_ERROR),
    "an internal error": (500, None, ErrorClass.PROVIDER_ERROR),
    "a bad gateway": (502, None, ErrorClass.PROVIDER_ERROR),
    "an overload": (503, None, ErrorClass.PROVIDER_ERROR),
    "a gateway's timeout": (504, None, ErrorClass.TIMEOUT),
    "an overload of its own kind": (529, None, ErrorClass.PROVIDER_ERROR),
}


@pytest.mark.parametrize(("status", "body", "want"), TABLE.values(), ids=TABLE)
def test_class(status, body, want):
    assert failed(status, body).error_class == want


@pytest.mark.parametrize("status", [*range(100, 200), *range(300, 600)])
def test_every_status_has_a_class_that_can_be_told(status):
    assert failed(status).error_class in STATUS


SHAPES = [{"error": "No."}, {"message": "No."}, {"error": {"message": "No."}}]


@pytest.mark.parametrize("body", SHAPES)
def test_the_message_is_found_wherever_servers_put_it(body):
    assert "No." in failed(400, body).text


@pytest.mark.parametrize("body", [[], 3, {"error": 3}, {"error": {"code": 3, "message": 4}}, None])
def test_odd_bodies_are_no_matter(body):
    assert failed(400, body).text == "The provider answered 400."


@pytest.mark.parametrize("status", [401, 402, 403])
def test_a_refused_key_is_never_quoted(status):
    said = {"error": {"message": "Incorrect API key provided: sk-secret"}}
    assert "sk-secret" not in failed(status, said).text


TOLD = {
    "an overload": ({"error": {"message": "overloaded"}}, "ProviderError"),
    "a filter": ({"error": {"message": "no", "code": "content_filter"}}, "Refused"),
    "a limit": ({"error": {"message": "slow", "code": "rate_limit_exceeded"}}, "RateLimited"),
}


@pytest.mark.parametrize(("said", "want"), TOLD.values(), ids=TOLD)
def test_a_failure_in_mid_stream_names_no_status_that_was_never_sent(said, want):
    found = dialect.failure_in_stream(json.dumps(said).encode())
    words = f"The provider ended its answer with an error: {said['error']['message']}"
    assert (found.error_class, found.text) == (want, words)


WAITS = {
    "seconds": ({"retry-after": "7"}, 7.0),
    "parts of a second": ({"retry-after": "0.5"}, 0.5),
    "milliseconds, which are more exact": ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
    "a date": ({"retry-after": "Thu, 01 Jan 2026 00:01:00 GMT"}, 60.0),
    "a date that is over": ({"retry-after": "Wed, 31 Dec 2025 00:00:00 GMT"}, 0.0),
    "a negative number": ({"retry-after": "-5"}, 0.0),
    "a year, of which a day is enough": ({"retry-after": "31536000"}, 86_400.0),
    "nonsense": ({"retry-after": "soon"}, None),
    "nothing": ({}, None),
    "no number": ({"retry-after": "nan"}, None),
    "no number of milliseconds": ({"retry-after-ms": "NaN", "retry-after": "2"}, 2.0),
    "for ever": ({"retry-after": "inf"}, None),
    "more than a double holds": ({"retry-after": "1e999"}, None),
}


@pytest.mark.parametrize(("headers", "want"), WAITS.values(), ids=WAITS)
def test_retry_after(headers, want):
    assert dialect.retry_after(headers, lambda: NOW) == want


FAULTS = {"RateLimited": True, "ProviderError": True, "Timeout": True}
FAULTS |= {"BadRequest": False, "Refused": False}


@pytest.mark.parametrize(("name", "fault"), FAULTS.items())
def test_a_fallback_is_asked_for_the_providers_faults_alone(name, fault):
    assert dialect.ProviderFailure(ErrorClass(name), "").providers_fault is fault


@pytest.mark.parametrize("error_class", STATUS)
def test_no_refusal_of_a_model_may_be_retried_by_a_library(error_class):
    refused = ModelError(error_class, "No.")
    assert refused.headers["x-should-retry"] == "false"
    assert refused.headers["x-headrace-error-class"] == error_class.value
    assert refused.problem()["error"]["code"] == error_class.value


USAGES = {
    "figures": ({"usage": {"prompt_tokens": 3, "completion_tokens": 2}}, (3, 2)),
    "one figure": ({"usage": {"prompt_tokens": 3}}, (3, 0)),
    "figures that are none": ({"usage": {"prompt_tokens": "3", "completion_tokens": True}}, (0, 0)),
    "negative figures": ({"usage": {"prompt_tokens": -3}}, (0, 0)),
    "figures beyond reason": ({"usage": {"prompt_tokens": 2**70}}, (2**31 - 1, 0)),
}


@pytest.mark.parametrize(("value", "want"), USAGES.values(), ids=USAGES)
def test_usage_is_the_providers_own(value, want):
    found = dialect.usage_of(value)
    assert (found.input_tokens, found.output_tokens) == want


@pytest.mark.parametrize("value", [None, [], {}, {"usage": None}, {"usage": 3}])
def test_usage_is_not_made_up(value):
    assert dialect.usage_of(value) is None
