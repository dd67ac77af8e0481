"""A lease as the worker gets it; the ledger's documents go in as they are, unparsed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic_core import to_json

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from headrace_gateway.pools import Versions
    from headrace_ledger.records import LeaseRecord


def lease_json(lease: LeaseRecord, pipeline: str | None) -> bytes:
    """Write `protocol.Lease`; a test reads it back with the contract's model."""
    head = to_json(
        {
            "task": lease.task,
            "fence": lease.fence,
            "run": lease.run,
            "step": lease.step,
            "attempt": lease.attempt,
            "keyHash": lease.key_hash.hex(),
            "digest": lease.digest,
            "traceparent": lease.traceparent,
            "leaseSeconds": lease.lease_seconds,
            "timeoutSeconds": lease.timeout_seconds,
        }
    )
    outputs = b",".join(
        to_json(step) + b":" + output.encode() for step, output in lease.outputs.items()
    )
    parts = [head[:-1], b',"input":', lease.input.encode(), b',"outputs":{', outputs, b"}"]
    if pipeline is not None:
        parts += [b',"pipeline":', pipeline.encode()]
    return b"".join((*parts, b"}"))


class Leases:
    """Writes leases with the compiled pipelines that a worker does not know yet."""

    def __init__(self, versions: Versions) -> None:
        self._versions = versions

    async def write(self, leases: Sequence[LeaseRecord], known: Collection[str]) -> list[bytes]:
        told = set(known)
        written = []
        for lease in leases:
            pipeline = None
            if lease.digest not in told:
                pipeline = await self._versions.text(lease.tenant, lease.digest)
                told.add(lease.digest)  # once per answer is enough
            written.append(lease_json(lease, pipeline))
        return written
