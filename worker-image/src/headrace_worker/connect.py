"""The real world of a worker: the gateway over HTTP, the machine's clock and chance."""

from __future__ import annotations

import functools
import random
import secrets
import time
from typing import TYPE_CHECKING

from headrace_worker.door import HttpDoor
from headrace_worker.late import LateModels
from headrace_worker.retry import Insist
from headrace_worker.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

KEY_BYTES = 32


def connect(gateway_url: str, token: Callable[[], str], environ: Mapping[str, str]) -> World:
    """
    Return a world whose door and models are the gateway at this address.

    `token` is called for every request, since a ServiceAccount token changes under way.
    """
    url = gateway_url.rstrip("/")
    chance = random.Random()  # noqa: S311 -- it spreads retries; keys come from `secrets`
    return World(
        door=HttpDoor(url, token),
        models=LateModels(url, Insist(chance)),
        monotonic=time.monotonic,
        rng=chance,
        new_key=functools.partial(secrets.token_hex, KEY_BYTES),
        environ=environ,
        base_url=f"{url}/v1",
    )
