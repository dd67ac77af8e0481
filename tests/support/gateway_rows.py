"""The rows that a gateway reads: what the operator would have written."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from headrace_contract.compiled import (
    CompiledPipeline,
)
from headrace_ledger.declared import EdgeRow, KeyRow, PipelineRow, PoolRow, ProviderRow

if TYPE_CHECKING:
    pass

PRICE = {"input": "2", "output": "6", "currency": "USD"}


def row(pipeline: CompiledPipeline, **changes: Any) -> PipelineRow:
    fields: dict[str, Any] = {
        "tenant": pipeline.tenant,
        "uid": pipeline.uid,
        "namespace": pipeline.namespace,
        "name": pipeline.name,
        "generation": pipeline.generation,
        "digest": pipeline.digest,
        "compiled": pipeline.model_dump_json(),
        "service_account": "draft-worker",
        "service_account_uid": "sa-1",
        "stop_policy": "None",
        "steps": tuple(
            EdgeRow(s.name, s.type, s.pool, tuple(s.depends_on), s.timeout_seconds)
            for s in pipeline.steps
        ),
        "pools": tuple(
            PoolRow(p.name, p.concurrency_per_worker, p.max_replicas, f"scale-{p.name}")
            for p in pipeline.pools
        ),
        "max_attempts": pipeline.retry.max_attempts,
        "backoff_initial_seconds": pipeline.retry.initial_seconds,
        "backoff_max_seconds": pipeline.retry.max_seconds,
        "max_concurrent_runs": pipeline.max_concurrent_runs,
        "run_seconds": pipeline.run_seconds,
        "result_seconds": pipeline.result_seconds,
        "keys": tuple(KeyRow(k.name, k.limit, k.on_exceed) for k in pipeline.keys),
    }
    return PipelineRow(**{**fields, **changes})


def provider_row(name: str, endpoint: str, model: str, **spec: Any) -> ProviderRow:
    document = {
        "endpoint": endpoint,
        "models": [{"name": model, "price": PRICE}],
        "timeouts": {"connect": "1s", "firstByte": "5s", "total": "20s"},
        **spec,
    }
    text = json.dumps(document)
    return ProviderRow(name, f"uid-{name}", text, hashlib.sha256(text.encode()).hexdigest())
