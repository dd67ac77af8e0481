"""Faults of machines: signals to the processes of a pod, sent from its node as a kernel would."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from devcluster import engine as engines
from devcluster.errors import DevclusterError

if TYPE_CHECKING:
    from collections.abc import Mapping

# A pod's processes are those whose control group holds its UID; the sandbox's pause is left alone.
_SIGNAL = """
sent=0
for folder in /proc/[0-9]*; do
    grep -qs "$1" "$folder/cgroup" || continue
    [ "$(cat "$folder/comm" 2>/dev/null)" = pause ] && continue
    kill "-$2" "${folder#/proc/}" 2>/dev/null && sent=$((sent + 1))
done
echo "$sent"
"""


def signal_pod(pod: Mapping[str, Any], signal: Literal["KILL", "STOP", "CONT"]) -> int:
    """
    Send a signal to every process of a pod; return to how many, so that a test can prove its fault.

    Raises DevclusterError if there is no cluster.
    """
    engine = engines.recorded()
    if engine is None:
        message = "no cluster is up; `make up` brings one up"
        raise DevclusterError(message)
    # The kubelet writes the UID with underscores under the systemd driver, and with dashes else.
    uid = pod["metadata"]["uid"].replace("-", "[-_]")
    command = ["sh", "-c", _SIGNAL, "signal", uid, signal]
    return int(engine.inside(pod["spec"]["nodeName"], command).strip())
