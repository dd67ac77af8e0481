"""
Faults on demand: what goes wrong, for which calls, and how often.

A fault is written as `kind;key=value;...` after a `!` in the model's name (`mock-small!429;nth=1`)
or in the header `x-mock-fault`, or posted to `/faults` as an object with the same keys.

* `429`, `500`, any status from 400 to 599; `retry-after=2` adds the header
* `slow`     `latency=5` seconds to the first byte, `pace=10` tokens a second
* `cut`      the connection ends after `after=5` tokens, in the middle of the answer
* `badjson`  the model's answer is half a JSON object
* `garbage`  the body is no JSON at all, with status 200
* `refuse`   the model declines: `finish_reason` is `content_filter`

`nth=2` or `nth=1,3` takes the n-th call that the fault applies to and leaves the others alone;
posted faults also have `model` and `contains` (in the prompt).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

KINDS: Final = frozenset({"slow", "cut", "badjson", "garbage", "refuse"})
_MOST_RULES: Final = 1000
_ERRORS: Final = range(400, 600)


class FaultSyntaxError(ValueError):
    """A fault that was asked for in words that the mock does not know."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to go wrong."""

    kind: str
    retry_after: float | None = None
    latency: float | None = None
    pace: float | None = None
    after: int = 5
    nth: frozenset[int] = frozenset()
    model: str | None = None
    contains: str | None = None

    @property
    def status(self) -> int | None:
        """The status to answer with, if the fault is one."""
        return int(self.kind) if self.kind.isdigit() else None

    def applies(self, model: str, prompt: str) -> bool:
        return (self.model in (None, model)) and (self.contains is None or self.contains in prompt)


def parse(text: str) -> Fault:
    """Read `kind;key=value;...`."""
    kind, *rest = (part.strip() for part in text.split(";"))
    return from_mapping({"kind": kind, **dict(_pair(part) for part in rest if part)})


def _pair(part: str) -> tuple[str, str]:
    key, found, value = part.partition("=")
    if not found:
        msg = f"must be `key=value`, not '{part}'"
        raise FaultSyntaxError(msg)
    return key.strip(), value.strip()


def from_mapping(given: Mapping[str, Any]) -> Fault:
    """Read a fault from an object; refuse what is not known, so that a typo is not silence."""
    unknown = given.keys() - _READERS.keys()
    if unknown:
        msg = f"keys must be among {sorted(_READERS)}, not {sorted(unknown)}"
        raise FaultSyntaxError(msg)
    try:
        fault = Fault(**{_FIELDS.get(key, key): _READERS[key](v) for key, v in given.items()})
    except (TypeError, ValueError) as exc:
        msg = f"a fault must be readable: {exc}"
        raise FaultSyntaxError(msg) from exc
    known = fault.kind in KINDS or (fault.kind.isdigit() and int(fault.kind) in _ERRORS)
    if not known:
        msg = f"`kind` must be a status from 400 to 599 or one of {sorted(KINDS)}"
        raise FaultSyntaxError(msg)
    return fault


def _numbers(value: Any) -> frozenset[int]:
    if isinstance(value, str):
        return frozenset(int(part) for part in value.split(","))
    return frozenset(int(part) for part in (value if isinstance(value, list) else [value]))


_FIELDS: Final = {"retry-after": "retry_after"}
_READERS: Final[dict[str, Any]] = {
    "kind": str,
    "retry-after": float,
    "latency": float,
    "pace": float,
    "after": int,
    "nth": _numbers,
    "model": str,
    "contains": str,
}


@dataclass(slots=True)
class FaultBook:
    """The posted faults, and how often each fault has been met."""

    posted: list[Fault] = field(default_factory=list)
    _met: Counter[Fault] = field(default_factory=Counter)

    def post(self, fault: Fault) -> None:
        if len(self.posted) >= _MOST_RULES:
            msg = f"there must be at most {_MOST_RULES} faults; DELETE /faults forgets them"
            raise FaultSyntaxError(msg)
        self.posted.append(fault)

    def forget(self) -> None:
        self.posted.clear()
        self._met.clear()

    def pick(self, model: str, header: str | None, prompt: str) -> Fault | None:
        """Return the fault that this call meets, and count it: suffix, header, then posted."""
        name, _, suffix = model.partition("!")
        asked = [parse(text) for text in (suffix, header) if text]
        for fault in (*asked, *self.posted):
            if fault.applies(name, prompt) and self._meets(fault):
                return fault
        return None

    def _meets(self, fault: Fault) -> bool:
        if not fault.nth:
            return True
        if len(self._met) >= _MOST_RULES and fault not in self._met:
            self._met.clear()
        self._met[fault] += 1
        return self._met[fault] in fault.nth
