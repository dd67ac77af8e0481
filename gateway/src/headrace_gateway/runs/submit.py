"""Accepting runs: checked first, then committed, then answered."""

from __future__ import annotations

import hashlib
import json
import re
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from pydantic_core import to_json

from headrace_gateway.clock import uuid7
from headrace_gateway.edge.answers import json_answer, model_answer
from headrace_gateway.edge.body import parse_json, read_body
from headrace_gateway.edge.trace import keep_or_make
from headrace_gateway.errors import (
    BadRequestError,
    ConflictError,
    InvalidError,
    KeyFullError,
    NotFoundError,
    TooLargeError,
    UnavailableError,
)
from headrace_gateway.identity.caller import SUBMIT
from headrace_gateway.runs.dry_run import DryRuns, read_dry_run
from headrace_gateway.runs.inputs import Inputs
from headrace_gateway.runs.keys import keys_json, keys_of
from headrace_gateway.runs.order import priority_of, read_deadline, read_priority
from headrace_gateway.runs.views import accepted, run_json
from headrace_gateway.runs.waiting import until_over, wait_seconds
from headrace_ledger.errors import LedgerError
from headrace_ledger.records import RunStatus
from headrace_ledger.submits import Submit, SubmitOutcome

if TYPE_CHECKING:
    from uuid import UUID

    from starlette.requests import Request
    from starlette.responses import Response

    from headrace_contract.compiled import CompiledPipeline
    from headrace_contract.priority import Priority
    from headrace_gateway.runs.access import Access
    from headrace_gateway.world import World
    from headrace_ledger.declared import PipelineRecord
    from headrace_ledger.submits import Submitted

_KEY: Final = re.compile(r"^[\x21-\x7e]{1,200}$")
MOST_DISPLACED: Final = 16
"""Runs that one submit cancels in its favour at most; more wait for the sweep."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a submit says that is read by the version of the pipeline that takes it."""

    priority: Priority | None
    value: Any
    size: int
    """Of the body, in bytes."""


class SubmitRoute:
    """`POST …/runs`."""

    def __init__(self, world: World, access: Access) -> None:
        self._world = world
        self._access = access
        self._inputs = Inputs()
        self._dry_runs = DryRuns(world)
        self._under_way = 0

    async def post(self, request: Request) -> Response:
        # Shed before anything is read: a stalled ledger must not pile up bodies.
        if self._under_way >= self._world.options.submits_at_once:
            message = "Too many submits are under way; try again."
            raise UnavailableError(message)
        self._under_way += 1
        try:
            return await self._submit(request)
        finally:
            self._under_way -= 1

    async def _submit(self, request: Request) -> Response:
        world = self._world
        wait = wait_seconds(request.query_params.get("wait"), world.options.wait_seconds)
        dry = read_dry_run(request.query_params.get("dryRun"))
        key = idempotency_key(request.headers.get("idempotency-key"))
        asked = read_priority(request.query_params.get("priority"))
        deadline = read_deadline(request.query_params.get("deadline"), world.clock.now())
        caller = await self._access.caller(request, SUBMIT)
        body = await read_body(request, world.options.body_bytes)
        value = parse_json(body)
        pipeline = await self._access.pipeline(request, caller)
        compiled = await self._check(pipeline, body, value)
        priority = priority_of(asked, compiled)
        keys = await keys_of(compiled, value, len(body))
        if dry:
            return model_answer(await self._dry_runs.look(compiled, len(body), keys), 200)
        item = Submit(
            tenant=pipeline.tenant,
            id=uuid7(world.clock.now(), world.chance),
            pipeline_uid=pipeline.uid,
            digest=pipeline.digest,
            input=to_json(value).decode(),
            idempotency_key=key,
            body_hash=body_hash(pipeline, value, key),
            traceparent=keep_or_make(request.headers.get("traceparent"), world.chance),
            priority=priority,
            deadline=deadline,
            keys=keys_json(keys),
        )
        run, status = await self._accept(request, item, pipeline, Asked(asked, value, len(body)))
        return await self._answer(pipeline, run, status, wait)

    async def _check(self, pipeline: PipelineRecord, body: bytes, value: Any) -> CompiledPipeline:
        compiled = await self._compiled(pipeline)
        if len(body) > compiled.input_max_bytes:
            raise TooLargeError(compiled.input_max_bytes)
        problems = await self._inputs.judge(compiled.input_schema, value)
        if problems:
            message = "The input does not fit the pipeline's schema."
            listed = [{"path": found.path, "message": found.message} for found in problems]
            raise InvalidError(message, listed)
        return compiled

    async def _compiled(self, pipeline: PipelineRecord) -> CompiledPipeline:
        compiled = await self._world.versions.parsed(pipeline.tenant, pipeline.digest)
        if compiled is None:
            raise NotFoundError
        return compiled

    async def _accept(
        self, request: Request, item: Submit, pipeline: PipelineRecord, asked: Asked
    ) -> tuple[UUID, RunStatus]:
        outcome = await self._world.ledger.accept_one(item)
        if outcome.outcome == SubmitOutcome.GONE:  # a new version since we looked, or none at all
            self._access.forget(pipeline)
            caller = await self._access.caller(request, SUBMIT)
            fresh = await self._access.pipeline(request, caller)
            item = await self._anew(item, fresh, asked)
            outcome = await self._world.ledger.accept_one(item)
        run = self._settled(outcome)
        if outcome.outcome == SubmitOutcome.ACCEPTED and item.keys is not None:
            await self._displace(item)
        if outcome.outcome == SubmitOutcome.REPEATED:
            found = await self._world.ledger.run(item.tenant, run)
            if found is not None:
                return run, found.status
        return run, RunStatus.PENDING

    async def _anew(self, item: Submit, pipeline: PipelineRecord, asked: Asked) -> Submit:
        """Say it to another version of the pipeline."""
        compiled = await self._compiled(pipeline)
        return replace(
            item,
            pipeline_uid=pipeline.uid,
            digest=pipeline.digest,
            priority=priority_of(asked.priority, compiled),
            keys=keys_json(await keys_of(compiled, asked.value, asked.size)),
        )

    async def _displace(self, item: Submit) -> None:
        """Cancel the runs whose place it takes; what is left undone here the sweep does."""
        compiled = await self._world.versions.parsed(item.tenant, item.digest)
        if compiled is None or all(one.on_exceed != "CancelOldest" for one in compiled.keys):
            return
        with suppress(LedgerError):
            for _ in range(MOST_DISPLACED):
                pools = await self._world.ledger.displace(item.tenant, item.pipeline_uid)
                if pools is None:
                    return
                self._world.wakes.tell(pools)

    def _settled(self, outcome: Submitted) -> UUID:
        match outcome.outcome:
            case SubmitOutcome.CONFLICT:
                message = "This Idempotency-Key was used with another body: use a new key."
                raise ConflictError(message)
            case SubmitOutcome.KEY_FULL:
                raise KeyFullError(outcome.full or "")
            case SubmitOutcome.INVALID:
                message = "The ledger cannot store this input."
                raise InvalidError(message)
            case SubmitOutcome.ACCEPTED | SubmitOutcome.REPEATED if outcome.id is not None:
                if outcome.outcome == SubmitOutcome.ACCEPTED:
                    self._world.metrics.accepted.inc()
                self._world.wakes.tell(outcome.pool_ids)
                return outcome.id
            case _:
                raise NotFoundError

    async def _answer(
        self, pipeline: PipelineRecord, run: UUID, status: RunStatus, wait: float
    ) -> Response:
        if wait:
            over = await until_over(self._world, pipeline.tenant, run, wait)
            if over is not None:
                return json_answer(run_json(over))
        said = accepted(pipeline.namespace, pipeline.name, run, status)
        return model_answer(said, 202, {"location": said.links.self_})


def idempotency_key(given: str | None) -> str | None:
    if given is None:
        return None
    if not _KEY.match(given):
        message = "`Idempotency-Key` must be 1 to 200 printable characters without spaces."
        raise BadRequestError(message)
    return given


def body_hash(pipeline: PipelineRecord, value: Any, key: str | None) -> bytes:
    """Name a body by its content, so that a client may write the same JSON in another order."""
    if key is None:
        return b""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    named = f"{pipeline.namespace}/{pipeline.name}\n{text}"
    return hashlib.sha256(named.encode()).digest()
