"""How kopf is set: it watches, and keeps nothing on any object."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Final

import kopf

from headrace_operator.apply.cluster import OUR_CHILDREN
from headrace_operator.model.resource import CHILDREN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PREFIX: Final = "headrace.dev"
# kopf removes the finalizer that it knows from objects that no handler of its own needs it for,
# so this one is none of ours and is never put on anything.
FOREIGN_FINALIZER: Final = f"{PREFIX}/kopf-is-never-to-set-this"


class Backoffs:
    """Wait longer each time, half a minute at most, for as long as it takes."""

    def __init__(self, chance: Callable[[], float]) -> None:
        self._chance = chance

    def __iter__(self) -> Iterator[float]:
        for step in itertools.chain((1, 2, 4, 8, 16), itertools.repeat(30)):
            yield step * (0.5 + 0.5 * self._chance())


class NothingKept(kopf.AnnotationsDiffBaseStorage):
    """No difference is ever computed: that would copy every object at every event."""

    def build(self, **_: Any) -> kopf.BodyEssence:
        return kopf.BodyEssence()

    def fetch(self, **_: Any) -> kopf.BodyEssence | None:
        return None


def framework(chance: Callable[[], float]) -> kopf.OperatorSettings:
    """Return kopf's settings; what is not here is kopf's default on purpose."""
    settings = kopf.OperatorSettings()
    settings.peering.standalone = True
    settings.posting.enabled = False
    settings.execution.max_workers = 4
    settings.persistence.finalizer = FOREIGN_FINALIZER
    settings.persistence.progress_storage = kopf.AnnotationsProgressStorage(prefix=PREFIX)
    settings.persistence.diffbase_storage = NothingKept(prefix=PREFIX)
    settings.networking.request_timeout = 30
    settings.networking.connect_timeout = 10
    settings.networking.error_backoffs = Backoffs(chance)
    settings.watching.server_timeout = 240
    settings.watching.client_timeout = 300
    settings.watching.inactivity_timeout = 70
    settings.watching.chunk_size = 500
    # A worker of kopf's that has nothing to do ends; never set a limit to their number.
    settings.queueing.idle_timeout = 1
    for resource in CHILDREN:
        key = (resource.group, resource.version, resource.plural)
        settings.watching.label_selectors[key] = OUR_CHILDREN
    return settings
