"""
The operator at rest: what it writes in ten minutes in which nothing happens, and its memory.

On a real kube-apiserver, with the settings of a production operator. KEDA's part is played: every
ScaledObject is said to be ready, or the operator would rightly report after two minutes that it is
not. The writes are the API server's own count; nothing but Lease renewals is allowed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

sys.path.insert(0, str(Path(__file__).parent))

import b1_reconcile as b1
import b1_sides as sides
from apiserver import until
from headrace_ledger.embedded import EmbeddedLedger

if TYPE_CHECKING:
    from b1_sides import Api

SETTLED_SECONDS: Final = 15.0
"""Longer than any throttle of the operator's."""


def main() -> int:
    """Print one JSON line; fail if anything but the Lease was written."""
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--pipelines", type=int, default=100)
    given.add_argument("--seconds", type=float, default=600.0)
    asked = given.parse_args()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        api = stack.enter_context(sides.real_api(folder))
        b1.prepare(api, asked.pipelines)
        ledger = stack.enter_context(EmbeddedLedger())
        started = sides.operator("headrace", api, ledger.operator_url, folder / "log")
        operator = stack.enter_context(started)
        progress = sides.Progress(asked.pipelines, lambda: (sides.monotonic(),))
        progress.follow(api, b1.PIPELINES)
        assert progress.done.wait(b1.PATIENCE), (folder / "log").read_text()[-3000:]
        _play_keda(api)
        _until_settled(api)
        before, began = api.writes(), sides.cpu_of(operator.pid)
        _until_renewed(api, asked.seconds)
        after = api.writes()
        written = {kind: n - before.get(kind, 0) for kind, n in after.items()}
        written = {kind: n for kind, n in written.items() if n}
        result = {
            "bench": "B1",
            "series": "idle",
            "pipelines": asked.pipelines,
            "seconds": asked.seconds,
            "writes": written,
            "cpu_seconds": round(sides.cpu_of(operator.pid) - began, 2),
            "rss_mib": round(sides.rss_of(operator.pid), 1),
        }
    print(json.dumps(result), flush=True)
    return 0 if set(written) == {"leases"} else 1


def _play_keda(api: Api) -> None:
    path = "/apis/keda.sh/v1alpha1/namespaces/bench/scaledobjects"
    status = {"conditions": [{"type": "Ready", "status": "True", "message": "played"}]}
    for one in api.request("GET", path)[1]["items"]:
        name = one["metadata"]["name"]
        about = {"apiVersion": one["apiVersion"], "kind": one["kind"], "metadata": {"name": name}}
        where = f"{path}/{name}/status?fieldManager=keda"
        assert api.request("PATCH", where, {**about, "status": status})[0] == 200


def _until_settled(api: Api) -> None:
    """Wait until no object has been written for a while."""
    seen: dict[str, float] = {}
    while (now := {k: n for k, n in api.writes().items() if k in sides.KINDS}) != seen:
        seen = now
        _until_renewed(api, SETTLED_SECONDS)


def _until_renewed(api: Api, seconds: float) -> None:
    """Wait until the operator has renewed its Lease so long after now."""
    path = "/apis/coordination.k8s.io/v1/namespaces/headrace-system/leases/headrace-operator"

    def renewed() -> datetime:
        return datetime.fromisoformat(api.request("GET", path)[1]["spec"]["renewTime"])

    end = renewed() + timedelta(seconds=seconds)
    until(lambda: renewed() >= end, seconds + 60)


if __name__ == "__main__":
    sys.exit(main())
