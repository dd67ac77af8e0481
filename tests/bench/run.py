"""
`make bench`: measure what there is a bench for, one after the other, and write the page.

Names choose, and what follows `--` goes to each bench: `run.py b3 b5 -- --pairs 3`. What each
prints as a line of JSON is kept in `results/`, and docs/benchmarks.md is written from all that is
kept there. Nothing here is part of `make test`.
Ends with an error while a floor is missed.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any, Final

from report import page, read

HERE: Final = Path(__file__).resolve().parent
RESULTS: Final = HERE / "results"
PAGE: Final = HERE.parents[1] / "docs" / "benchmarks.md"
BENCHES: Final = {
    "ledger": ("ledger/figures.py", "the ledger's verbs beside a bare INSERT, fsync on"),
    "b1": ("b1_reconcile.py", "pipelines to Ready beside a plain kopf operator"),
    "b3": ("b3_drain.py", "runs that do nothing, drained by one worker, beside task queues"),
    "b4": ("b4_pickup.py", "from submit to the handler, beside taskiq and saq"),
    "b5": ("b5_submit.py", "submits over HTTP, beside FastAPI with taskiq and with Celery"),
    "b8": ("b8_limits.py", "reserve and settle over three limits beside limits and throttled-py"),
    "b9": ("b9_chain.py", "chains of checkpointed steps beside DBOS and Restate"),
    "b11": ("b11_wake.py", "submit to activation over gRPC beside a poller"),
    "noisy": ("noisy.py", "a quiet tenant beside one of 100,000 queued runs"),
    "first-token": ("first_token.py", "what the model endpoint adds to a call"),
    "worker-start": ("worker_start.py", "a worker from exec to its first claim, and its memory"),
}


def main(words: list[str]) -> int:
    cut = words.index("--") if "--" in words else len(words)
    chosen, options = words[:cut], words[cut + 1 :]
    unknown = [name for name in chosen if name not in BENCHES]
    if unknown:
        print(f"must be among {', '.join(BENCHES)}, not {', '.join(unknown)}", file=sys.stderr)
        return 2
    codes = [measure(name, options) for name in chosen or BENCHES]
    commands = {name: what for name, (_, what) in BENCHES.items()}
    PAGE.write_text(page(read(RESULTS), commands, (HERE / "notes.md").read_text()))
    print(f"\nwritten: {PAGE.relative_to(HERE.parents[1])}")
    return max(codes)


def measure(name: str, options: list[str]) -> int:
    """Run one bench and keep what it found; a bench that found nothing leaves what was kept."""
    script, what = BENCHES[name]
    print(f"\n== {name}: {what}", flush=True)
    found: list[dict[str, Any]] = []
    with subprocess.Popen(
        [sys.executable, HERE / script, *options], stdout=subprocess.PIPE, text=True
    ) as bench:
        for line in bench.stdout or ():
            print(line, end="", flush=True)
            with contextlib.suppress(ValueError):
                told = json.loads(line)
                found += [told] if isinstance(told, dict) else []
    if found:
        RESULTS.mkdir(exist_ok=True)
        head = {"date": date.today().isoformat(), "machine": machine(), "options": options}  # noqa: DTZ011 -- of the reader here
        text = "".join(f"{json.dumps(line)}\n" for line in (head, *found))
        (RESULTS / f"{name}.jsonl").write_text(text)
    return bench.returncode


def machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores, {memory:.0f} GiB, everything on loopback"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
