"""What is slow to judge keeps nobody waiting but itself."""

from __future__ import annotations

import asyncio
import threading

import make
from headrace_operator.reconcile import gather
from headrace_operator.reconcile.pipeline import reconcile_pipeline
from headrace_operator.reconcile.platform import reconcile_tenant
from worlds import PIPELINE, TENANT, settled


async def test_other_passes_are_made_while_a_pipeline_is_judged(monkeypatch):
    one = await settled()
    one.applies(make.pipeline("other"))
    await one.settle()
    other = PIPELINE._replace(name="other")
    begun, over = threading.Event(), threading.Event()
    judge = gather.judge_pipeline

    def slowly(spec):
        begun.set()
        assert over.wait(5)
        return judge(spec)

    monkeypatch.setattr(gather, "judge_pipeline", slowly)
    one.applies(make.pipeline(retry={"maxAttempts": 5}))
    slow = asyncio.ensure_future(reconcile_pipeline(PIPELINE, one.world))
    async with asyncio.timeout(5):
        assert await asyncio.to_thread(begun.wait, 5)
        await reconcile_tenant(TENANT, one.world)
        await reconcile_pipeline(other, one.world)
    assert not slow.done()
    over.set()
    await slow
    attempts = {
        row.compiled.name: row.compiled.retry.max_attempts
        for row in one.ledger.pipeline_rows.values()
    }
    assert attempts == {PIPELINE.name: 5, "other": 3}
