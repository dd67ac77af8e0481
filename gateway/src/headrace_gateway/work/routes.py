"""The routes of workers; every message is one of the contract's protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from pydantic_core import to_json
from starlette.responses import Response

from headrace_contract.names import LEASE_SECONDS
from headrace_contract.protocol import (
    BeatAnswer,
    BeatOutcome,
    CompleteOutcome,
    CompleteRequest,
    FailAnswer,
    FailOutcome,
    FailRequest,
    FailResponse,
    HeartbeatRequest,
    HeartbeatResponse,
    ProgressRequest,
    ReleaseAnswer,
    ReleaseOutcome,
    ReleaseRequest,
    ReleaseResponse,
)
from headrace_gateway.clock import fraction
from headrace_gateway.edge.answers import json_answer, model_answer
from headrace_gateway.edge.body import parse_any, read_body, validated, walk
from headrace_gateway.edge.route import route
from headrace_gateway.errors import ForbiddenError, InvalidError
from headrace_gateway.identity.caller import WORK
from headrace_gateway.work.claim import ClaimRoute
from headrace_gateway.work.items import Whose, completion, failure, held, release, task_id
from headrace_gateway.work.leases import Leases
from headrace_gateway.work.settle import Settling
from headrace_gateway.work.tasks import Tasks
from headrace_ledger.records import Completed, Completion

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from pydantic import BaseModel
    from starlette.requests import Request
    from starlette.routing import Route

    from headrace_gateway.world import World

ITEMS: Final = frozenset({"items", "leases"})

M = TypeVar("M", bound="BaseModel")
I = TypeVar("I")  # noqa: E741 -- I for item, O for outcome
O = TypeVar("O")  # noqa: E741 -- see above


class WorkRoutes:
    """Reads a request, has its items settled, writes one answer per item in the same order."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._leases = Leases(world.versions)
        self._tasks = Tasks()
        self._settling = Settling(world, self._tasks)
        self._claim = ClaimRoute(world, self._leases, self._tasks, self._settling)

    def routes(self) -> list[Route]:
        return [
            route("POST", "/v1/work/claim", self._claim.post),
            route("POST", "/v1/work/heartbeat", self.heartbeat),
            route("POST", "/v1/work/complete", self.complete),
            route("POST", "/v1/work/fail", self.fail),
            route("POST", "/v1/work/release", self.release),
            route("POST", "/v1/work/progress", self.progress),
        ]

    async def heartbeat(self, request: Request) -> Response:
        whose, asked = await self._read(request, HeartbeatRequest)
        outcomes = await settle(
            [held(whose, item) for item in asked.leases], self._settling.beat, "Lost"
        )
        answers = [
            BeatAnswer(task=item.task, fence=item.fence, outcome=BeatOutcome(outcome))
            for item, outcome in zip(asked.leases, outcomes, strict=True)
        ]
        return model_answer(HeartbeatResponse(leases=answers, lease_seconds=LEASE_SECONDS))

    async def complete(self, request: Request) -> Response:
        whose, asked = await self._read(request, CompleteRequest)
        records = [completion(whose, asked, item) for item in asked.items]
        outcomes = await settle(
            [record if isinstance(record, Completion) else None for record in records],
            self._settling.complete,
            Completed(CompleteOutcome.STALE),
        )
        written = []
        for item, record, outcome in zip(asked.items, records, outcomes, strict=True):
            said = outcome
            if isinstance(record, str):
                said = Completed(CompleteOutcome.INVALID, message=record)
            written.append(await self._completed(item.task, item.fence, said, asked.known_digests))
        return json_answer(b'{"items":[' + b",".join(written) + b"]}")

    async def _completed(
        self, task: str, fence: int, said: Completed, known: Sequence[str]
    ) -> bytes:
        head = to_json(
            {"task": task, "fence": fence, "outcome": said.outcome, "message": said.message}
        )
        if said.next is None:
            return head
        lease = (await self._leases.write([said.next], known))[0]
        self._world.wakes.tell((), (said.next.run,), going_on=True)
        return head[:-1] + b',"next":' + lease + b"}"

    async def fail(self, request: Request) -> Response:
        whose, asked = await self._read(request, FailRequest)
        jitter = [fraction(self._world.chance) for _ in asked.items]
        records = [
            failure(whose, asked, item, each)
            for item, each in zip(asked.items, jitter, strict=True)
        ]
        outcomes = await settle(records, self._settling.fail, None)
        answers = [
            FailAnswer(
                task=item.task,
                fence=item.fence,
                outcome=FailOutcome.STALE if outcome is None else FailOutcome(outcome.outcome),
            )
            for item, outcome in zip(asked.items, outcomes, strict=True)
        ]
        return model_answer(FailResponse(items=answers))

    async def release(self, request: Request) -> Response:
        whose, asked = await self._read(request, ReleaseRequest)
        records = [release(whose, asked, item) for item in asked.items]
        outcomes = await settle(records, self._settling.release, None)
        answers = [
            ReleaseAnswer(
                task=item.task,
                fence=item.fence,
                outcome=ReleaseOutcome.STALE
                if outcome is None
                else ReleaseOutcome(outcome.outcome),
            )
            for item, outcome in zip(asked.items, outcomes, strict=True)
        ]
        return model_answer(ReleaseResponse(items=answers))

    async def progress(self, request: Request) -> Response:
        """Show text to who listens here; what this gateway does not know of is dropped."""
        whose, asked = await self._read(request, ProgressRequest)
        task = task_id(asked.task, asked.fence)
        known = None if task is None else self._tasks.find(task, asked.fence)
        if known is not None and whose.has(known.tenant, known.pipeline):
            self._world.deltas.add(known.run, known.step, asked.text, "progress")
        return Response(status_code=204)

    async def _read(self, request: Request, model: type[M]) -> tuple[Whose, M]:
        caller = await self._world.identity.authenticate(request.headers)
        caller.need(WORK)
        if caller.tenant is None:
            message = "This caller belongs to no tenant, so it holds no lease."
            raise ForbiddenError(message)
        body = await read_body(request, self._world.options.body_bytes)
        value: Any = parse_any(body)
        # Items answer for themselves; what names the request must be storable as a whole.
        there = value if isinstance(value, dict) else {}
        wrong = walk({name: part for name, part in there.items() if name not in ITEMS})
        if wrong:
            msg = f"The body {wrong}."
            raise InvalidError(msg)
        return Whose(caller.tenant, caller.pipeline), validated(model, value)


async def settle(
    records: Sequence[I | None],
    verb: Callable[[Sequence[I]], Awaitable[Sequence[O]]],
    otherwise: O,
) -> list[O]:
    """Have the records settled that there are; the others get `otherwise`, in their places."""
    there = [record for record in records if record is not None]
    outcomes = iter(await verb(there)) if there else iter(())
    return [otherwise if record is None else next(outcomes) for record in records]
