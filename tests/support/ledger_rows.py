"""Builders of the ledger's records, with everything filled in that a test does not speak about."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import os
import time
from decimal import Decimal
from typing import Any
from uuid import UUID

from headrace_ledger.declared import (
    EdgeRow,
    LimitRow,
    LimitSet,
    PipelineRow,
    PoolRow,
    TenantRow,
)
from headrace_ledger.records import CallRecord, ClaimWish, Completion, Failure, LeaseRecord, Release
from headrace_ledger.reservations import Draw, ParkMark, Reserve, Settlement
from headrace_ledger.submits import Submit

_NUMBERS = itertools.count(1)


def uuid7() -> UUID:
    """A UUID whose first bits are the time, as the gateway makes them; each is above the last."""
    number = next(_NUMBERS)  # two in one millisecond are in order too
    raw = bytearray((time.time_ns() // 1_000_000).to_bytes(6, "big"))
    raw += (0x7000 | number >> 12 & 0xFFF).to_bytes(2, "big")
    raw += (0x8000 | number & 0xFFF).to_bytes(2, "big")
    return UUID(bytes=bytes(raw + os.urandom(6)))


def fresh(prefix: str) -> str:
    """A name that no other test of the ledger uses; `gateway_scene` has names of its own."""
    return f"{prefix}-{os.getpid()}-{next(_NUMBERS)}"


def key() -> bytes:
    return hashlib.sha256(os.urandom(16)).digest()


def tenant(name: str, *namespaces: str, stop: str = "None") -> TenantRow:
    return TenantRow(name, f"uid-of-{name}", namespaces or (f"{name}-ns",), stop)


def edge(
    step: str, *depends_on: str, pool: str = "default", kind: str = "LLM", timeout: float = 60
) -> EdgeRow:
    return EdgeRow(step, kind, pool, depends_on, timeout)


def pipeline(of: str, *steps: EdgeRow, **changes: Any) -> PipelineRow:
    """A pipeline of a tenant; one step in one pool unless told otherwise."""
    steps = steps or (edge("only"),)
    name = changes.pop("name", None) or fresh("pipe")
    pools = dict.fromkeys(s.pool for s in steps)
    row = PipelineRow(
        tenant=of,
        uid=f"uid-of-{name}",
        namespace=f"{of}-ns",
        name=name,
        generation=1,
        digest=f"sha256:{name}",
        compiled='{"compiled": true}',
        service_account=f"account-of-{name}",
        service_account_uid=f"uid-of-account-of-{name}",
        stop_policy="None",
        steps=steps,
        pools=tuple(PoolRow(p, 4, 10, f"object-of-{name}-{p}") for p in pools),
        max_attempts=3,
        backoff_initial_seconds=0.0,
        backoff_max_seconds=0.0,
        max_concurrent_runs=None,
        run_seconds=3600,
        result_seconds=3600,
    )
    return dataclasses.replace(row, **changes)


def submit(to: PipelineRow, **changes: Any) -> Submit:
    made = Submit(
        tenant=to.tenant,
        id=uuid7(),
        pipeline_uid=to.uid,
        digest=to.digest,
        input='{"topic": "rivers"}',
        idempotency_key=None,
        body_hash=b"body",
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    )
    return dataclasses.replace(made, **changes)


def wish(of: str, pool_id: int, slots: int = 1, **changes: Any) -> ClaimWish:
    made = ClaimWish(
        of, pool_id, "worker-1", fresh("claim"), tuple(key() for _ in range(slots)), ()
    )
    return dataclasses.replace(made, **changes)


def completion(lease: LeaseRecord, output: str | None = '"done"', **changes: Any) -> Completion:
    made = Completion(lease.tenant, lease.task, lease.fence, fresh("complete"), "worker-1", output)
    return dataclasses.replace(made, **changes)


def failure(lease: LeaseRecord, action: str = "Retry", **changes: Any) -> Failure:
    made = Failure(
        lease.tenant,
        lease.task,
        lease.fence,
        fresh("fail"),
        "worker-1",
        "StepError",
        "it broke",
        action,
        0.5,
    )
    return dataclasses.replace(made, **changes)


def call(lease: LeaseRecord, **changes: Any) -> CallRecord:
    """A call of this lease that was answered."""
    made = CallRecord(
        id=uuid7(),
        tenant=lease.tenant,
        task=lease.task,
        fence=lease.fence,
        run=lease.run,
        step=lease.step,
        request_hash=b"hash",
        idx=0,
        provider="openai",
        model="small",
        status=200,
        response=b'{"text": "hello"}',
        streamed=False,
        input_tokens=10,
        output_tokens=3,
        cost=Decimal("0.0000042"),
        currency="USD",
        duration_ms=120,
    )
    return dataclasses.replace(made, **changes)


def mark(lease: LeaseRecord, seconds: float = 9.0, **changes: Any) -> ParkMark:
    made = ParkMark(lease.tenant, lease.task, lease.fence, seconds, "RateLimited")
    return dataclasses.replace(made, **changes)


def limits(of: str, *rows: LimitRow, owner: str = "tenant") -> LimitSet:
    """Everything that an owner declares."""
    return LimitSet(of, owner, f"digest-of-{len(rows)}", rows)


def reserve(of: str, *draws: Draw, **changes: Any) -> Reserve:
    """A call of nobody's: the ledger looks at no task when it reserves."""
    made = Reserve(
        tenant=of,
        id=uuid7(),
        task=uuid7(),
        fence=1,
        run=uuid7(),
        step="only",
        provider="p",
        model="m",
        input_tokens=10,
        output_tokens=20,
        cost=None,
        currency=None,
        life_seconds=300,
        draws=draws,
    )
    return dataclasses.replace(made, **changes)


def settlement(of: Reserve, used: int = 0, **changes: Any) -> Settlement:
    """`used` output tokens and no other, unless told otherwise."""
    return dataclasses.replace(Settlement(of.tenant, of.id, 0, used, None), **changes)


def released(lease: LeaseRecord) -> Release:
    return Release(lease.tenant, lease.task, lease.fence, fresh("release"), "worker-1")
