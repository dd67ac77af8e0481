"""Reading runs and cancelling them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from headrace_contract.api import CancelAnswer
from headrace_gateway.edge.answers import json_answer, model_answer
from headrace_gateway.errors import BadRequestError
from headrace_gateway.identity.caller import OPERATE, READ, SUBMIT
from headrace_gateway.runs.views import list_json, run_json
from headrace_gateway.runs.waiting import OVER, until_over, wait_seconds
from headrace_ledger.records import RunStatus

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from headrace_gateway.runs.access import Access
    from headrace_gateway.world import World

MOST: Final = 200
DEFAULT: Final = 50
CURSOR_LENGTH: Final = 500


class ReadRoutes:
    """`GET …/runs/{run}`, `GET …/runs`, `POST …/runs/{run}/cancel`."""

    def __init__(self, world: World, access: Access) -> None:
        self._world = world
        self._access = access

    async def one(self, request: Request) -> Response:
        """Answer with a run; `?wait=30s` waits for its end first."""
        caller = await self._access.caller(request, READ)
        wait = wait_seconds(request.query_params.get("wait"), self._world.options.wait_seconds)
        run = await self._access.run(request, caller)
        if wait and run.status not in OVER:
            run = await until_over(self._world, run.tenant, run.id, wait) or run
        return json_answer(run_json(run))

    async def many(self, request: Request) -> Response:
        caller = await self._access.caller(request, READ)
        status, limit, cursor = _query(request)
        pipeline = await self._access.pipeline(request, caller)
        try:
            runs, following = await self._world.ledger.runs(
                pipeline.tenant,
                pipeline.namespace,
                pipeline.name,
                status=status,
                limit=limit,
                cursor=cursor,
            )
        except ValueError as exc:
            message = "`cursor` must be the `nextCursor` of an earlier answer."
            raise BadRequestError(message) from exc
        return json_answer(list_json(runs, following))

    async def cancel(self, request: Request) -> Response:
        """Cancel a run: its running steps are told, and its model calls are cut at once."""
        caller = await self._access.caller(request, SUBMIT, OPERATE)
        run = await self._access.run(request, caller)
        woken = await self._world.ledger.cancel(run.tenant, run.id)
        if woken is not None:
            self._world.calls.cut_run(run.id)
            self._world.wakes.tell(woken, (run.id,))
        now = await self._world.ledger.run(run.tenant, run.id) or run
        return model_answer(
            CancelAnswer(id=str(run.id), status=now.status, accepted=woken is not None), 202
        )


def _query(request: Request) -> tuple[str | None, int, str | None]:
    params = request.query_params
    status = params.get("status")
    if status is not None and status not in set(RunStatus):
        message = f"`status` must be one of {', '.join(RunStatus)}."
        raise BadRequestError(message)
    limit = params.get("limit", str(DEFAULT))
    plain = limit.isascii() and limit.isdigit() and len(limit) <= len(str(MOST))
    if not plain or not 1 <= int(limit) <= MOST:
        message = f"`limit` must be a number from 1 to {MOST}."
        raise BadRequestError(message)
    cursor = params.get("cursor")
    if cursor is not None and (len(cursor) > CURSOR_LENGTH or "\x00" in cursor):
        message = "`cursor` must be the `nextCursor` of an earlier answer."
        raise BadRequestError(message)
    return status, int(limit), cursor
