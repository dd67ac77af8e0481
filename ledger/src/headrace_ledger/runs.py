"""Runs: accept, cancel, and what people ask about them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import UUID

from headrace_ledger.call import Verbs, columns
from headrace_ledger.group import each
from headrace_ledger.records import EventRecord, RunRecord, RunStatus, StepRecord
from headrace_ledger.submits import SubmitOutcome, Submitted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from headrace_ledger.group import Joined
    from headrace_ledger.submits import Submit


class Runs(Verbs):
    """The verbs of the door for clients."""

    _accepts: Joined[Submit, Submitted]

    async def accept_one(self, submit: Submit) -> Submitted:
        """Accept a run; concurrent calls share a statement and a commit."""
        return await self._accepts.call(submit)

    async def accept(self, submits: Sequence[Submit]) -> list[Submitted]:
        """Accept runs: one outcome each. When this returns, they are on disk."""
        return await each(submits, self._accept, lambda _, __: Submitted(SubmitOutcome.INVALID))

    async def _accept(self, submits: Sequence[Submit]) -> list[Submitted]:
        rows = await self._caller.rows(
            "accept",
            *columns(
                submits,
                "tenant",
                "id",
                "pipeline_uid",
                "digest",
                "input",
                "idempotency_key",
                "body_hash",
                "traceparent",
                "priority",
                "deadline",
                "keys",
            ),
        )
        by_n = {row[0]: row for row in rows}
        return [
            Submitted(SubmitOutcome(row[1]), row[2], tuple(row[3]), row[4])
            for row in (by_n[n] for n in range(1, len(submits) + 1))
        ]

    async def cancel(self, tenant: str, run: UUID) -> tuple[int, ...] | None:
        """Cancel a run, and return the pools to wake; None if it is not there, or already over."""
        row = await self._caller.row("cancel", tenant, run)
        return tuple(row["pools"]) if row and row["done"] else None

    async def displace(self, tenant: str, pipeline_uid: str) -> tuple[int, ...] | None:
        """Cancel the oldest run of a key with too many; return the pools to wake, None if none."""
        row = await self._caller.row("displace", tenant, pipeline_uid)
        return tuple(row["pools"]) if row and row["done"] else None

    async def open_of_keys(self, tenant: str, pipeline_uid: str, keys: str) -> dict[str, int]:
        """Return how many runs are open of each of these keys (JSON), by the limits' names."""
        rows = await self._caller.rows("open_of_keys", tenant, pipeline_uid, keys)
        return {row[0]: row[1] for row in rows}

    async def run(self, tenant: str, run: UUID) -> RunRecord | None:
        """Return one run with its input, output and steps."""
        row = await self._caller.row("run", tenant, run)
        if row is None:
            return None
        steps = await self._caller.rows("steps_of", tenant, run)
        known = dict(row)
        known["output"] = _output(known.pop("sinks"), known.pop("outputs"))
        if row["status"] != RunStatus.SUCCEEDED:
            known["output"] = None
        return _run(known, tuple(StepRecord(*step) for step in steps))

    async def runs(  # noqa: PLR0913 -- where, and which page of it
        self,
        tenant: str,
        namespace: str,
        pipeline: str,
        *,
        status: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> tuple[list[RunRecord], str | None]:
        """Return a page of runs, youngest first, and where the next page begins."""
        before = UUID(cursor) if cursor else None
        rows = await self._caller.rows(
            "runs", tenant, namespace, pipeline, status, before, limit + 1
        )
        page = [_run({**row, "input": None, "output": None}, ()) for row in rows[:limit]]
        return page, str(page[-1].id) if len(rows) > limit else None

    async def events(
        self, tenant: str, run: UUID, *, after: int = 0, limit: int = 1000
    ) -> list[EventRecord]:
        """Return what happened to a run since event number `after`."""
        rows = await self._caller.rows("events", tenant, run, after, limit)
        return [EventRecord(*row) for row in rows]


def _run(known: Mapping[str, Any], steps: tuple[StepRecord, ...]) -> RunRecord:
    return RunRecord(**{**known, "status": RunStatus(known["status"]), "steps": steps})


def _output(sinks: Sequence[str], outputs: Sequence[str | None]) -> str | None:
    """Return the output of the one sink; of several, an object by step. All is JSON already."""
    if len(sinks) == 1:
        return outputs[0]
    pairs = zip(sinks, outputs, strict=True)
    return "{" + ", ".join(f"{json.dumps(s)}: {o}" for s, o in pairs if o is not None) + "}"
