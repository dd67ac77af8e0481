"""What costs a cold start, loaded when it is first needed."""

from __future__ import annotations

import importlib
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from pydantic import SecretStr

    from headrace_worker.retry import Insist
    from headrace_worker.world import Models


class LateModels:
    """`HttpModels`, whose client is imported with the first model call and not before a claim."""

    def __init__(self, gateway_url: str, insist: Insist) -> None:
        self._gateway_url = gateway_url
        self._insist = insist
        self._models: Models | None = None

    async def chat(
        self, key: SecretStr, body: Mapping[str, Any], *, traceparent: str
    ) -> AsyncGenerator[Mapping[str, Any], None]:
        if self._models is None:
            module = importlib.import_module("headrace_worker.models")
            self._models = module.HttpModels(self._gateway_url, self._insist)
        async with aclosing(self._models.chat(key, body, traceparent=traceparent)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def close(self) -> None:
        if self._models is not None:
            await self._models.close()
