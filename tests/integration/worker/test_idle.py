"""A worker that waits for work: how small it is."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest

from worker_process import THREE, Process, named
from worker_scenes import until
from worker_server import streamed

pytestmark = pytest.mark.postgres

# kB. The promise is for a worker that has not worked yet, as a pool that is kept warm has them;
# the first step brings templates and a client for models, which stay.
MOST = {0: 60_000, 3: 66_000}


def resident(process):
    """Resident memory in kB: now, and at its most."""
    status = Path(f"/proc/{process.process.pid}/status").read_text()
    return [int(re.search(rf"{name}:\s+(\d+) kB", status)[1]) for name in ("VmRSS", "VmHWM")]


@pytest.mark.parametrize("runs", MOST)
async def test_a_worker_that_waits_is_small(served, model, tmp_path, record_property, runs):
    model.reply("/v1/chat/completions", *[streamed("Yes.")] * 9)
    compiled = named(*THREE)
    await served.apply(compiled)
    await served.provide(f"{model.url}/v1")
    with Process(served, compiled, tmp_path / "one.log") as worker:
        await until(worker.ready, 20)
        for _ in range(runs):
            record = await served.finished(await served.submit(compiled, {}))
            assert record.status == "Succeeded"
        now, most = resident(worker)
        record_property("resident_kb", now)
        print(f"after {runs} runs a worker holds {now} kB, {most} kB at its most")
        assert now <= MOST[runs]
        worker.process.send_signal(signal.SIGTERM)
        assert await worker.ended() == 0
