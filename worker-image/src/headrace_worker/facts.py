"""What a log line may say of a step: its names, never what it was given or what it answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headrace_contract.protocol import Lease


def facts(lease: Lease) -> dict[str, Any]:
    return {"run": lease.run, "step": lease.step, "task": lease.task, "fence": lease.fence}
