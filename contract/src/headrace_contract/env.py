"""Variables of a worker pod that the operator sets and the worker reads."""

from __future__ import annotations

from typing import Final

GATEWAY_URL: Final = "HEADRACE_GATEWAY_URL"
NAMESPACE: Final = "HEADRACE_NAMESPACE"
PIPELINE: Final = "HEADRACE_PIPELINE"
POOL: Final = "HEADRACE_POOL"
CONCURRENCY: Final = "HEADRACE_CONCURRENCY"
DRAIN_SECONDS: Final = "HEADRACE_DRAIN_SECONDS"
TOKEN_FILE: Final = "HEADRACE_TOKEN_FILE"  # noqa: S105 -- the name of a variable, not a secret
POD_NAME: Final = "HEADRACE_POD_NAME"
HEALTH_PORT: Final = "HEADRACE_HEALTH_PORT"
NODE_CIDRS: Final = "HEADRACE_NODE_CIDRS"  # separated by commas; unset where nobody said

# For the user's code in a Python step; the key is the step's own.
OPENAI_BASE_URL: Final = "OPENAI_BASE_URL"
OPENAI_API_KEY: Final = "OPENAI_API_KEY"
