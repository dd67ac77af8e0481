"""The keys of a run, by which its pipeline limits how many there may be at once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from pydantic_core import to_json

from headrace_contract.check.keys import read_keys
from headrace_gateway.errors import InvalidError

if TYPE_CHECKING:
    from headrace_contract.compiled import CompiledPipeline

LARGE_BYTES: Final = 16384
"""An input as large as this is read in a thread, since that takes milliseconds."""


async def keys_of(pipeline: CompiledPipeline, value: Any, size: int) -> dict[str, str]:
    """Return the key of a run by the name of each limit that concerns it; `size` in bytes.

    Raises InvalidError where an input has no key that could be one.
    """
    if not pipeline.keys:
        return {}
    if size < LARGE_BYTES:
        found, problems = read_keys(pipeline.keys, value)
    else:
        found, problems = await asyncio.to_thread(read_keys, pipeline.keys, value)
    if problems:
        message = "The input has no key that the pipeline could limit its runs by."
        raise InvalidError(message, [{"path": p.path, "message": p.message} for p in problems])
    return found


def keys_json(keys: dict[str, str]) -> str | None:
    """Write keys for the ledger; None for none."""
    return to_json(keys).decode() if keys else None
