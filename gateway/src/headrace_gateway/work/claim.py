"""`POST /v1/work/claim`: the long poll of workers."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

from headrace_contract.compiled import PROTOCOL_VERSION
from headrace_contract.protocol import ClaimRequest
from headrace_gateway.edge.answers import json_answer
from headrace_gateway.edge.body import parse_model, read_body
from headrace_gateway.edge.stream import gone
from headrace_gateway.errors import InvalidError, NotFoundError
from headrace_gateway.identity.caller import WORK
from headrace_gateway.work.desk import Desk
from headrace_ledger.records import ClaimWish

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request
    from starlette.responses import Response

    from headrace_gateway.identity.caller import Caller
    from headrace_gateway.work.leases import Leases
    from headrace_gateway.work.settle import Settling
    from headrace_gateway.work.tasks import Tasks
    from headrace_gateway.world import World
    from headrace_ledger.declared import PoolRecord
    from headrace_ledger.records import LeaseRecord


class ClaimRoute:
    """Finds the pool, waits at the desk, and takes leases back that nobody will get."""

    def __init__(self, world: World, leases: Leases, tasks: Tasks, settling: Settling) -> None:
        self._world = world
        self._leases = leases
        self._tasks = tasks
        self._settling = settling
        self._desk = Desk(world)
        self._asking: Counter[tuple[str, str]] = Counter()

    async def post(self, request: Request) -> Response:
        caller = await self._world.identity.authenticate(request.headers)
        caller.need(WORK)
        wanted = parse_model(ClaimRequest, await read_body(request, self._world.options.body_bytes))
        check_protocol(wanted.protocol)
        pool = await self._pool(caller, wanted)
        wish = ClaimWish(
            tenant=pool.tenant,
            pool_id=pool.pool_id,
            worker=wanted.worker,
            request_id=wanted.request_id,
            key_hashes=key_hashes(wanted),
            step_types=tuple(wanted.step_types),
        )
        leases, written = await self._ask(request, wish, wanted)
        for lease in leases:
            self._tasks.add(lease, pool.pipeline_id)
        self._world.wakes.tell((), {lease.run for lease in leases}, going_on=True)
        return json_answer(b'{"leases":[' + b",".join(written) + b"]}")

    async def _ask(
        self, request: Request, wish: ClaimWish, wanted: ClaimRequest
    ) -> tuple[Sequence[LeaseRecord], list[bytes]]:
        name = (wish.worker, wish.request_id)
        self._asking[name] += 1
        watch = asyncio.ensure_future(gone(request.receive))
        leases: Sequence[LeaseRecord] = ()
        delivered = False
        try:
            leases = await self._desk.claim(wish, wanted.wait_seconds, watch)
            written = await self._leases.write(leases, wanted.known_digests)
            delivered = not watch.done()
            return leases, written
        finally:
            watch.cancel()
            self._asking[name] -= 1
            retried = self._asking[name] > 0
            if not retried:
                del self._asking[name]
            # A retry under the same id finds these leases itself; else nobody will run them.
            if leases and not delivered and not retried:
                self._settling.hand_back(leases, wish)

    async def _pool(self, caller: Caller, wanted: ClaimRequest) -> PoolRecord:
        pool = await self._world.pools.find(wanted.namespace, wanted.pipeline, wanted.pool)
        if pool is None or not caller.sees(pool.tenant) or not caller.works_for(pool.pipeline_id):
            raise NotFoundError
        return pool


def key_hashes(wanted: ClaimRequest) -> tuple[bytes, ...]:
    try:
        hashes = tuple(bytes.fromhex(slot.key_hash) for slot in wanted.slots)
    except ValueError as exc:
        message = "`slots[].keyHash` must be a SHA-256 in 64 hex digits."
        raise InvalidError(message) from exc
    if len(set(hashes)) < len(hashes):  # a key opens one lease
        message = "`slots[].keyHash` must differ from slot to slot."
        raise InvalidError(message)
    return hashes


def check_protocol(version: int) -> None:
    if version != PROTOCOL_VERSION:
        message = f"This gateway speaks version {PROTOCOL_VERSION} of the worker protocol."
        raise InvalidError(message)
