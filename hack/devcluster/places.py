"""Where things are: the tree, what belongs to this checkout's cluster, and the build cache."""

import os
from pathlib import Path
from typing import Final

PACKAGE: Final = Path(__file__).resolve().parent
ROOT: Final = PACKAGE.parents[1]
STATE: Final = ROOT / ".devcluster"
"""All that one cluster leaves in the tree, ignored by git and removed by `down`."""

KUBECONFIG: Final = STATE / "kubeconfig"
CLUSTER: Final = "headrace"
CONTROL_PLANE: Final = f"{CLUSTER}-control-plane"


def cache() -> Path:
    """Return the folder of what is built once per machine, outside the tree."""
    if own := os.environ.get("HEADRACE_CACHE"):
        return Path(own)
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "headrace"
