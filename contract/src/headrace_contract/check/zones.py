"""Whether a time zone is one; the pattern of the schema admits 'Europe/Atlantis'."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from zoneinfo import available_timezones

from headrace_contract.problem import Problem
from headrace_contract.resources.budgets import Budget
from headrace_contract.resources.limits import Limit


def check_zones(path: str, limits: Sequence[Limit | Budget]) -> list[Problem]:
    """Find limits of a time zone that nobody knows; UTC needs no database."""
    return [
        Problem(
            f"{path}[{index}].timeZone",
            f"must be an IANA time zone such as 'Europe/Berlin', not '{limit.time_zone}'",
        )
        for index, limit in enumerate(limits)
        if limit.time_zone != "UTC" and limit.time_zone not in _known()
    ]


@lru_cache(maxsize=1)
def _known() -> frozenset[str]:
    return frozenset(available_timezones())
