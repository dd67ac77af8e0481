"""Holding inputs against the schemas of their pipelines, without keeping others waiting."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from headrace_contract.check.data import try_input, validate_input

if TYPE_CHECKING:
    from collections.abc import Mapping

    from headrace_contract.problem import Problem


class Inputs:
    """Small inputs are judged on the spot, large ones in a thread, one at a time."""

    def __init__(self) -> None:
        # The interpreter runs one thread at a time: two checks would only starve the loop.
        self._large = asyncio.Semaphore(1)

    async def judge(self, schema: Mapping[str, Any] | None, value: object) -> list[Problem]:
        """Find what is wrong with an input; a check that takes too long is a problem too."""
        problems = try_input(schema, value)
        if problems is None:
            async with self._large:
                problems = await asyncio.to_thread(validate_input, schema, value)
        return problems
