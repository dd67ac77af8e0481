"""
All rings in one run of pytest, so that one summary line tells all.

The cluster comes first. Where none can be had (no registry, and not root on Debian) the devcluster
says so and ends with `CANNOT`; then the user stories are left out, and nothing else is.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
CANNOT: Final = 3  # what `hack/devcluster` says where no cluster can be had
CLUSTER: Final = (
    ("hack/devcluster", "up"),
    ("hack/devcluster", "images"),
    ("hack/install.py",),
)

WITHOUT_CLUSTER: Final = "tests/chaos/test_limits_under_faults.py"
"""Faults under processes of this machine."""


def run(*command: str) -> int:
    return subprocess.run((sys.executable, *command), cwd=ROOT, check=False).returncode


def bring_up() -> int:
    """Bring the cluster up with headrace on it; return the first exit code that is not 0."""
    for command in CLUSTER:
        if code := run(*command):
            return code
    return 0


def main() -> int:
    cluster = bring_up()
    if cluster not in (0, CANNOT):
        print(f"the cluster did not come up (exit code {cluster})", file=sys.stderr)
        return cluster
    rings = ["tests/unit", "tests/integration"]
    if cluster == 0:
        rings += ["tests/e2e", "tests/chaos"]
    else:
        rings.append(WITHOUT_CLUSTER)
        print("no cluster can be had here: the user stories (tests/e2e, tests/chaos) are left out")
    code = run("-m", "pytest", *rings, *sys.argv[1:])
    if cluster == 0 and os.environ.get("CI"):
        # A person keeps the cluster for the next run; nobody comes back to a CI's. Quietly, for
        # the runner's summary is the last word.
        down = (sys.executable, "hack/devcluster", "down")
        subprocess.run(down, cwd=ROOT, check=False, capture_output=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
