"""Spans of whole UTC days, as people ask for them."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Final

MOST_DAYS: Final = 400
_AGO: Final = re.compile(r"([0-9]{1,3})d")


def span(since: str, until: str | None, today: date) -> tuple[date, date]:
    """Return the first day and the day after the last; a day is `2026-11-01`, or `7d` ago.

    `until` is not counted, as in a half-open interval; without it the span ends with `today`.
    Raise ValueError, with words for a person, for what cannot be read, is empty or too long.
    """
    first = _day("since", since, today)
    end = today + timedelta(days=1) if until is None else _day("until", until, today)
    if not 0 < (end - first).days <= MOST_DAYS:
        msg = f"`since` must be before `until`, by {MOST_DAYS} days at most"
        raise ValueError(msg)
    return first, end


def _day(name: str, text: str, today: date) -> date:
    found = _AGO.fullmatch(text)
    try:
        return today - timedelta(days=int(found[1])) if found else date.fromisoformat(text)
    except ValueError as exc:
        msg = f"`{name}` must be a day such as '2026-11-01', or '7d' ago, not '{text[:40]}'"
        raise ValueError(msg) from exc
