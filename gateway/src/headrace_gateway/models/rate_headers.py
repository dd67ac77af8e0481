"""
What a provider says of its own limits with each answer: what it allows, what is left, until when.

Two families of headers are read, of requests and tokens:

* `x-ratelimit-(limit|remaining|reset)-*`, as OpenAI documents them in "Rate limits" (headers), and
  others send them after it; the reset is a duration from now, such as `20ms`, `1s` or `6m0s`
* `anthropic-ratelimit-*-(limit|remaining|reset)`, as Anthropic documents them in "Rate limits"
  (response headers), with input and output tokens apart; the reset is an RFC 3339 time

A header that cannot be read is as good as absent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    Now = Callable[[], datetime]

OPENAI: Final = {"requests": "requests", "tokens": "tokens"}
ANTHROPIC: Final = {
    "requests": "requests",
    "tokens": "tokens",
    "inputTokens": "input-tokens",
    "outputTokens": "output-tokens",
}
APART: Final = frozenset({"inputTokens", "outputTokens"})
MOST_SECONDS: Final = 86_400.0
_WORD: Final = 40
_COUNT: Final = re.compile(r"[0-9]{1,15}")
_SECONDS: Final = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_DURATION: Final = re.compile(r"([0-9]{1,9}(\.[0-9]{1,9})?(ms|h|m|s))+")
_PART: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|h|m|s)")
_UNIT: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True, slots=True)
class Said:
    """What a provider says of one resource of the model that it answered for."""

    resource: str
    limit: int | None
    remaining: int | None
    seconds: float | None
    """From now until all of it is there again."""


def read(headers: Mapping[str, str], now: Now) -> tuple[Said, ...]:
    """Return what is said, a resource at most once; nothing of what cannot be read."""
    by_resource = {one.resource: one for one in (*_openai(headers), *_anthropic(headers, now))}
    return tuple(one for one in by_resource.values() if _says_something(one))


def most(said: Iterable[Said]) -> dict[str, int]:
    """
    Return how much is allowed, by resource.

    What is said of tokens together is left out beside tokens apart: it is then whichever limit is
    the strictest at the moment, so it may be one of output alone.
    """
    limits = {one.resource: one.limit for one in said if one.limit}
    apart = not APART.isdisjoint(limits)
    return {name: n for name, n in limits.items() if not (apart and name == "tokens")}


def exhausted(said: Iterable[Said], prompt: int) -> float:
    """Return for how many seconds the model cannot even take a prompt of so many tokens again."""
    least = {"requests": 1, "outputTokens": 1}
    return max(
        (
            one.seconds
            for one in said
            if one.seconds is not None
            and one.remaining is not None
            and one.remaining < min(least.get(one.resource, prompt), one.limit or prompt)
        ),
        default=0.0,
    )


def _openai(headers: Mapping[str, str]) -> Iterable[Said]:
    for resource, name in OPENAI.items():
        yield Said(
            resource,
            _count(headers.get(f"x-ratelimit-limit-{name}")),
            _count(headers.get(f"x-ratelimit-remaining-{name}")),
            _duration(headers.get(f"x-ratelimit-reset-{name}")),
        )


def _anthropic(headers: Mapping[str, str], now: Now) -> Iterable[Said]:
    for resource, name in ANTHROPIC.items():
        one = Said(
            resource,
            _count(headers.get(f"anthropic-ratelimit-{name}-limit")),
            _count(headers.get(f"anthropic-ratelimit-{name}-remaining")),
            _until(headers.get(f"anthropic-ratelimit-{name}-reset"), now),
        )
        if _says_something(one):
            yield one


def _says_something(one: Said) -> bool:
    return (one.limit, one.remaining) != (None, None)


def _count(given: str | None) -> int | None:
    return int(given) if given is not None and _COUNT.fullmatch(given) else None


def _duration(given: str | None) -> float | None:
    """Read a duration as Go writes it, or plain seconds; None beyond a day, as a time would be."""
    if given is None or len(given) > _WORD:
        return None
    if _SECONDS.fullmatch(given):
        return _within_a_day(float(given))
    if not _DURATION.fullmatch(given):
        return None
    return _within_a_day(sum(float(n) * _UNIT[unit] for n, unit in _PART.findall(given)))


def _until(given: str | None, now: Now) -> float | None:
    if given is None or len(given) > _WORD:
        return None
    try:
        at = datetime.fromisoformat(given)
        seconds = ((at if at.tzinfo else at.replace(tzinfo=UTC)) - now()).total_seconds()
    except (ValueError, OverflowError):
        return None
    return _within_a_day(max(seconds, 0.0))


def _within_a_day(seconds: float) -> float | None:
    return seconds if seconds <= MOST_SECONDS else None
