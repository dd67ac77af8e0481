"""Compiled pipelines by digest, so that a claim need not carry the same one again."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from headrace_contract.compiled import CompiledPipeline
    from headrace_contract.protocol import Lease

KEPT: Final = 64
TOLD: Final = 32  # fewer than are kept: one that was told cannot be gone when the answer comes


class Pipelines:
    """A bounded memory of the pipelines that this worker has seen, the latest kept longest."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, CompiledPipeline] = OrderedDict()

    def digests(self) -> list[str]:
        """Return what the gateway may leave out of its answers."""
        return list(self._known)[-TOLD:]

    def of(self, lease: Lease) -> CompiledPipeline | None:
        """Return the pipeline of a lease; None if it came without one that we do not know."""
        pipeline = lease.pipeline or self._known.get(lease.digest)
        if pipeline is None:
            return None
        self._known[lease.digest] = pipeline
        self._known.move_to_end(lease.digest)
        while len(self._known) > KEPT:
            self._known.popitem(last=False)
        return pipeline
