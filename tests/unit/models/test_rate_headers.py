"""What providers say of their own limits, and what is as good as unsaid."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace_gateway.models import rate_headers
from headrace_gateway.models.rate_headers import Said

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FAMILIES = {
    "of OpenAI": (
        {
            "x-ratelimit-limit-requests": "60",
            "x-ratelimit-remaining-requests": "59",
            "x-ratelimit-reset-requests": "1s",
            "x-ratelimit-limit-tokens": "150000",
            "x-ratelimit-remaining-tokens": "149984",
            "x-ratelimit-reset-tokens": "6m0s",
        },
        (Said("requests", 60, 59, 1.0), Said("tokens", 150_000, 149_984, 360.0)),
    ),
    "of Anthropic": (
        {
            "anthropic-ratelimit-requests-limit": "1000",
            "anthropic-ratelimit-requests-remaining": "999",
            "anthropic-ratelimit-requests-reset": "2026-01-01T00:00:30Z",
            "anthropic-ratelimit-input-tokens-limit": "80000",
            "anthropic-ratelimit-input-tokens-remaining": "0",
            "anthropic-ratelimit-input-tokens-reset": "2025-12-31T23:59:59Z",
        },
        (Said("requests", 1000, 999, 30.0), Said("inputTokens", 80_000, 0, 0.0)),
    ),
    "of nobody": ({"content-type": "application/json"}, ()),
    "a reset alone": ({"x-ratelimit-reset-requests": "1s"}, ()),
}


@pytest.mark.parametrize(("headers", "want"), FAMILIES.values(), ids=FAMILIES)
def test_families(headers, want):
    assert rate_headers.read(headers, lambda: NOW) == want


RESETS = {
    "20ms": 0.02,
    "1s": 1.0,
    "2m59.56s": 179.56,
    "1h0m1s": 3601.0,
    "7": 7.0,
    "0.5": 0.5,
    "": None,
    "-1s": None,
    "soon": None,
    "1s ": None,
    "nan": None,
    "inf": None,
    "1e3": None,
    "٣s": None,
    "25h0m0s": None,
    "1767225600": None,
    "9" * 41: None,
    "1s" * 30: None,
}


@pytest.mark.parametrize(("text", "seconds"), RESETS.items())
def test_resets(text, seconds):
    headers = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": text}
    [said] = rate_headers.read(headers, lambda: NOW)
    assert said.seconds == (None if seconds is None else pytest.approx(seconds))


NO_COUNTS = ("", "-1", "1.5", "many", "1 ", "1_000", "٣", "1" * 16)


@pytest.mark.parametrize("text", NO_COUNTS)
def test_a_count_that_cannot_be_read_is_none(text):
    assert rate_headers.read({"x-ratelimit-limit-requests": text}, lambda: NOW) == ()


KINDS = ("limit", "remaining", "reset")
NAMES = [
    *(f"x-ratelimit-{kind}-{name}" for kind in KINDS for name in rate_headers.OPENAI.values()),
    *(
        f"anthropic-ratelimit-{name}-{kind}"
        for kind in KINDS
        for name in rate_headers.ANTHROPIC.values()
    ),
]
COUNTS = st.integers(0, 10**9)
UNITS = st.sampled_from(["ms", "s", "m", "h", "d"])
VALUES = st.one_of(
    st.text(max_size=45),
    st.integers().map(str),
    st.floats().map(str),
    st.datetimes().map(lambda at: at.isoformat()),
    st.datetimes(timezones=st.just(UTC)).map(lambda at: at.isoformat()),
    st.builds("{}{}{}{}".format, COUNTS, UNITS, COUNTS, UNITS),
)


@given(st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=8), st.integers(1, 10**7))
def test_no_headers_raise_and_all_that_is_read_is_bounded(headers, prompt):
    said = rate_headers.read(headers, lambda: NOW)
    assert len({one.resource for one in said}) == len(said) <= 4
    assert 0 <= rate_headers.exhausted(said, prompt) <= 86_400
    assert all(1 <= limit < 10**15 for limit in rate_headers.most(said).values())


LEFT = {
    "no request is left": ([Said("requests", 60, 0, 2.0)], 2.0),
    "a request is left": ([Said("requests", 60, 1, 2.0)], 0.0),
    "fewer tokens than the prompt": ([Said("tokens", 9000, 99, 3.0)], 3.0),
    "as many as the prompt": ([Said("tokens", 9000, 100, 3.0)], 0.0),
    "the whole of a small limit": ([Said("tokens", 50, 50, 3.0)], 0.0),
    "the longest counts": ([Said("requests", 60, 0, 2.0), Said("tokens", 9000, 0, 9.0)], 9.0),
    "nobody says until when": ([Said("requests", 60, 0, None)], 0.0),
}


@pytest.mark.parametrize(("said", "seconds"), LEFT.values(), ids=LEFT)
def test_what_is_left(said, seconds):
    assert rate_headers.exhausted(said, 100) == seconds


def test_tokens_together_are_no_limit_beside_tokens_apart():
    said = [Said("tokens", 16, None, None), Said("outputTokens", 16, None, None)]
    assert rate_headers.most(said) == {"outputTokens": 16}
    assert rate_headers.most(said[:1]) == {"tokens": 16}
