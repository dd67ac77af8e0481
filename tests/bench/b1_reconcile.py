"""
B1: AgentPipelines to Ready with five children each, ours beside a plain kopf operator.

Three series: a fake API server without cost, which shows the controller; the same with 5 ms per
write, where fewer writes show; a real kube-apiserver with etcd, whose own CPU time decides on two
cores. Every run begins afresh: the server on one core, the operator alone on the other. The peer
makes the same children with the official client in sync create, update and delete handlers and
writes its status with kopf's `patch`, as kopf's own tutorial does; ours also writes the ledger's
rows, of which the peer has none. The client-side rate of writes is lifted on our side for this
run; the peer has none. Timed is from the first write to any pipeline until the last is Ready.
One JSON line per result.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

HERE: Final = Path(__file__).parent
sys.path.insert(0, str(HERE))

import b1_sides as sides  # noqa: E402 -- the path above leads to it
import operating  # noqa: E402 -- see above
from headrace_ledger.embedded import EmbeddedLedger  # noqa: E402 -- see above
from pairs import alternate, say  # noqa: E402 -- see above

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from b1_sides import Api

NAMESPACE: Final = "bench"
PIPELINES: Final = f"{operating.GROUP}/namespaces/{NAMESPACE}/agentpipelines"
SIDES: Final = ("headrace", "plain kopf")
REAL: Final = "kube-apiserver"
SERIES: Final = {"fake": 500, "fake, 5 ms per write": 500, REAL: 150}
"""Pipelines in each run of a pair."""
FLOOR: Final = 3.0
PATIENCE: Final = 600.0
HIGHEST_LOAD: Final = 0.7
"""Of the fake's own core: a figure from nearer to its ceiling does not count."""


def one_run(series: str, side: str, count: int) -> dict[str, Any]:
    """Start everything afresh, make all pipelines Ready, and measure."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        api = stack.enter_context(_api(series, folder))
        prepare(api, count)
        ledger = stack.enter_context(EmbeddedLedger()) if side == "headrace" else None
        before = api.writes()
        log = folder / "operator.log"
        process = stack.enter_context(
            sides.operator(side, api, ledger.operator_url if ledger else "", log)
        )

        def mark() -> tuple[float, ...]:
            return sides.monotonic(), sides.cpu_of(process.pid), api.cpu()

        progress = sides.Progress(count, mark)
        progress.follow(api, PIPELINES)
        if not progress.done.wait(PATIENCE):
            msg = f"{len(progress.ready)} of {count} Ready:\n{log.read_text()[-3000:]}"
            raise AssertionError(msg)
        # What is counted twice shows as writes, what is forgotten shows as a missing child.
        _exact(api, count)
        seconds, cpu, server_cpu = (
            last - first for first, last in zip(progress.first, progress.last, strict=True)
        )
        after = api.writes()
        writes = sum(after.get(one, 0) - before.get(one, 0) for one in sides.KINDS)
        return {
            "bench": "B1",
            "series": series,
            "side": side,
            "pipelines": count,
            "objects_per_second": round(count / seconds, 1),
            "writes_per_pipeline": round(writes / count, 2),
            "cpu_ms_per_pipeline": round(1000 * cpu / count, 2),
            "server_cpu_ms_per_pipeline": round(1000 * server_cpu / count, 2),
            "server_load": round(server_cpu / seconds, 2),
            "start_cpu_seconds": round(progress.first[1], 2),
            "rss_mib": round(sides.rss_of(process.pid), 1),
            **({"passes_per_pipeline": round(process.passes() / count, 2)} if ledger else {}),
        }


def _api(series: str, folder: Path) -> AbstractContextManager[Api]:
    if series == REAL:
        return sides.real_api(folder)
    return sides.fake_api(folder, 5.0 if "5 ms" in series else 0.0)


def prepare(api: Api, count: int) -> None:
    for name in (NAMESPACE, "headrace-system"):
        api.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    for body in (
        operating.tenant("acme", (NAMESPACE,)),
        operating.provider("acme"),
        *(operating.pipeline(f"essay-{number}", NAMESPACE) for number in range(count)),
    ):
        status, answer = api.request("PATCH", f"{operating.path_of(body)}?fieldManager=b", body)
        assert status in {200, 201}, answer


def _exact(api: Api, count: int) -> None:
    for path in (
        "/api/v1/namespaces/bench/serviceaccounts",
        "/api/v1/namespaces/bench/configmaps",
        "/apis/networking.k8s.io/v1/namespaces/bench/networkpolicies",
        "/apis/apps/v1/namespaces/bench/deployments",
        "/apis/keda.sh/v1alpha1/namespaces/bench/scaledobjects",
    ):
        _, answer = api.request("GET", f"{path}?labelSelector=headrace.dev/pipeline")
        assert len(answer["items"]) == count, path
    _, answer = api.request("GET", "/apis/apps/v1/namespaces/bench/deployments")
    assert {one["spec"].get("replicas") for one in answer["items"]} == {0}


def pairs(series: str, count: int, number: int) -> bool:
    """Alternate both sides; print every result and the ratio; say whether its floor holds."""
    found = alternate(number, *(partial(told, series, side, count) for side in SIDES))
    rate, cost = itemgetter("objects_per_second"), itemgetter("cpu_ms_per_pipeline")
    speed, cpu = found.ratio(rate, rate), found.ratio(cost, cost)
    facts: dict[str, Any] = {"cpu_ratio": round(cpu.median, 3)}
    if series == REAL:  # its CPU time decides, and no floor is set
        return say(bench="B1", series=series, **speed.facts(), **facts)
    busiest = max(result["server_load"] for result in (*found.ours, *found.theirs))
    if busiest > HIGHEST_LOAD:
        facts["does_not_count"] = "the fake API server was too busy"
    return say(bench="B1", series=series, **speed.at_least(FLOOR), **facts)


def told(series: str, side: str, count: int) -> dict[str, Any]:
    result = one_run(series, side, count)
    say(**result)
    return result


def main() -> int:
    """Run the series that were asked for, then the large run."""
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--series", nargs="*", default=[*SERIES], choices=SERIES)
    given.add_argument("--pipelines", type=int, help="in each run, whatever the series")
    given.add_argument("--pairs", type=int, default=5)
    given.add_argument("--large", type=int, default=500)
    asked = given.parse_args()
    good = [
        pairs(series, asked.pipelines or SERIES[series], asked.pairs)
        for series in asked.series
        if asked.pairs
    ]
    if asked.large:
        for side in SIDES:
            told(asked.series[-1], side, asked.large)
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
