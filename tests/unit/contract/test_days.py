from __future__ import annotations

from datetime import date

import pytest

from headrace_contract.days import span

TODAY = date(2026, 3, 1)

SPANS = {
    "a week, to the end of today": (("7d", None), (date(2026, 2, 22), date(2026, 3, 2))),
    "today": (("0d", None), (date(2026, 3, 1), date(2026, 3, 2))),
    "days by name": (("2026-01-31", "2026-02-01"), (date(2026, 1, 31), date(2026, 2, 1))),
    "from one day ago to another": (("2d", "1d"), (date(2026, 2, 27), date(2026, 2, 28))),
}
REFUSED = {
    "nothing": ("", None),
    "hours": ("7h", None),
    "no day": ("2026-02-30", None),
    "an empty span": ("1d", "1d"),
    "an end before its beginning": ("1d", "2d"),
    "too many days": ("2024-01-01", None),
    "the end of time": ("9999-12-31", None),
}


@pytest.mark.parametrize(("given", "want"), SPANS.values(), ids=SPANS)
def test_a_span_is(given, want):
    assert span(*given, TODAY) == want


@pytest.mark.parametrize("given", REFUSED.values(), ids=REFUSED)
def test_a_span_is_never(given):
    with pytest.raises(ValueError, match="must be"):
        span(*given, TODAY)
