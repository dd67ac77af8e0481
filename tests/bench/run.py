"""
`make bench`: measure what there is a bench for, one after the other, and show what each printed.

Names choose: `run.py ledger`. Nothing here is part of `make test`; docs/benchmarks.md says what was
measured last, on what machine, and what is not measured yet.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).resolve().parent
BENCHES: Final = {
    "ledger": ("ledger/figures.py", "the ledger's verbs beside a bare INSERT, fsync on"),
    "b1": ("b1_reconcile.py", "pipelines to Ready beside a plain kopf operator"),
    "b3": ("b3_drain.py", "runs that do nothing, drained by one worker, beside task queues"),
    "b4": ("b4_pickup.py", "from submit to the handler, beside taskiq and saq"),
    "b5": ("b5_submit.py", "submits over HTTP, beside FastAPI with taskiq and with Celery"),
    "b9": ("b9_chain.py", "chains of checkpointed steps beside DBOS and Restate"),
    "b11": ("b11_wake.py", "submit to activation over gRPC beside a poller"),
    "first-token": ("first_token.py", "what the model endpoint adds to a call"),
    "worker-start": ("worker_start.py", "a worker from exec to its first claim, and its memory"),
}


def main(chosen: list[str]) -> int:
    unknown = [name for name in chosen if name not in BENCHES]
    if unknown:
        print(f"must be among {', '.join(BENCHES)}, not {', '.join(unknown)}", file=sys.stderr)
        return 2
    codes = []
    for name in chosen or BENCHES:
        script, what = BENCHES[name]
        print(f"\n== {name}: {what}", flush=True)
        codes.append(subprocess.run([sys.executable, HERE / script], check=False).returncode)
    return max(codes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
