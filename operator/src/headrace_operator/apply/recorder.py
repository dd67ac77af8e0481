"""Events for people: the same words about the same object are one Event with a count."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from headrace_contract.names import FIELD_MANAGER
from headrace_operator.errors import GoneError, ReconcileError
from headrace_operator.model.resource import EVENTS

if TYPE_CHECKING:
    from datetime import datetime

    from headrace_operator.apply.wire import Wire
    from headrace_operator.model.identity import Identity

WINDOW: Final = timedelta(minutes=10)
QUIET: Final = timedelta(seconds=30)
MOST_KEPT: Final = 4096
LONGEST: Final = 1024
COMPONENT: Final = "headrace.dev/operator"


@dataclass(frozen=True, slots=True)
class Told:
    """How often something was said within its window."""

    first: datetime
    written: datetime
    count: int


class Recorder:
    """Count what is said; write the first time, and later at most every half minute."""

    def __init__(self, wire: Wire, instance: str) -> None:
        self._wire = wire
        self._instance = instance
        self._told: dict[str, Told] = {}

    async def record(
        self, about: Identity, kind: str, words: tuple[str, str], now: datetime
    ) -> None:
        """Say (reason, message) about an object; an Event that cannot be written fails nothing."""
        reason, message = words
        name = event_name(about, reason, message)
        told = self._told.get(name)
        if told is None or now - told.first > WINDOW:
            told = Told(first=now, written=now, count=1)
        elif now - told.written < QUIET:
            self._told[name] = Told(told.first, told.written, told.count + 1)
            return
        else:
            told = Told(told.first, now, told.count + 1)
        self._remember(name, told)
        body = self._body(about, kind, words, name=name, told=told)
        namespace = body["metadata"]["namespace"]
        try:
            await self._wire.apply(EVENTS.path(namespace, name), body, FIELD_MANAGER)
        except (ReconcileError, GoneError):
            return

    def _remember(self, name: str, told: Told) -> None:
        self._told.pop(name, None)
        self._told[name] = told
        while len(self._told) > MOST_KEPT:
            del self._told[next(iter(self._told))]

    def _body(
        self, about: Identity, kind: str, words: tuple[str, str], *, name: str, told: Told
    ) -> dict[str, Any]:
        namespace = about.namespace or "default"
        regarding = {
            "apiVersion": about.resource.api_version,
            "kind": about.resource.kind,
            "name": about.name,
            "uid": about.uid,
        }
        if about.namespace:
            regarding["namespace"] = about.namespace
        body: dict[str, Any] = {
            "apiVersion": EVENTS.api_version,
            "kind": EVENTS.kind,
            "metadata": {"name": name, "namespace": namespace},
            "eventTime": _micro(told.first),
            "reportingController": COMPONENT,
            "reportingInstance": self._instance[:128],
            "type": kind,
            "reason": words[0],
            "action": "Reconcile",
            "regarding": regarding,
            "note": words[1][:LONGEST],
        }
        if told.count > 1:
            body["series"] = {"count": told.count, "lastObservedTime": _micro(told.written)}
        return body


def event_name(about: Identity, reason: str, message: str) -> str:
    """Name an Event by what it says, so that saying it again finds it."""
    said = f"{about.uid}/{reason}/{message}"
    return f"{about.name[:200]}.{hashlib.sha256(said.encode()).hexdigest()[:16]}"


def _micro(now: datetime) -> str:
    return now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
