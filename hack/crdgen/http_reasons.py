"""The reference page of what the gateway refuses: its errors as the code has them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from headrace_contract.waits import MEANING as WAITS
from headrace_gateway.errors import GatewayError
from headrace_gateway.models.refusals import STATUS, ModelError

MEANING: Final[dict[str, str]] = {
    "BadRequest": "The request cannot be read, or is not complete.",
    "Unauthenticated": "No known key or token came with the request.",
    "Forbidden": "Who asks is known, and may not do this.",
    "NotAllowedByTenant": "The pipeline's tenant does not allow it, whoever asks.",
    "NotFound": "Absent, or somebody else's: the answer is the same.",
    "MethodNotAllowed": "The address does not answer this method; `Allow` names those it does.",
    "RequestTimeout": "The body did not arrive in time.",
    "Conflict": "The idempotency key was used with another body.",
    "KeyLimitReached": "As many runs of its key are open as `limits.perKey` allows.",
    "StaleFence": "The lease of this key is over: the step belongs to somebody else, or to nobody.",
    "TooLarge": "The body is too large; the title says what the limit is.",
    "UnsupportedMediaType": "The body is encoded in a way that is not read here.",
    "Invalid": "It was read and is not acceptable; `problems` lists paths and messages.",
    "HeadersTooLarge": "The headers are too large.",
    "Unavailable": "Nothing was done; the same request may be sent again after `Retry-After`.",
    "InternalError": "Our fault; the error is in the gateway's log.",
}
_NOTE: Final = "<!-- Written by hack/render_crds.py from gateway/. Do not edit. -->\n"
_INTRO: Final = """\
Every refusal by the gateway is a problem document (RFC 9457). `reason` is the constant for
programs, `title` is for people.
"""
_MODELS: Final = """\
## The model endpoint

Here `reason` is an [error class](error-classes.md), which is in `x-headrace-error-class` too, or
`StaleFence` or `Cancelled` where there is no step (any more). A model that the pipeline does not
name is a `BadRequest` with status 404.
"""
_LIMITS: Final = """
## Limits

A call that a limit keeps back is a 429 `RateLimited` while waiting helps, with `resumesAt`, and a
403 `Refused` where it does not. `reason` says what stands in the way; a parked step carries it too.
"""


class UndocumentedError(Exception):
    """The gateway's reasons and those that this page explains differ."""


def page() -> str:
    """Return the page; raise UndocumentedError for a reason without a meaning, or the reverse."""
    known = dict(sorted((kind.reason, kind.status) for kind in _kinds(GatewayError)))
    if known.keys() != MEANING.keys():
        differing = ", ".join(sorted(known.keys() ^ MEANING.keys()))
        raise UndocumentedError(differing)
    head = ["| status | reason | meaning |", "|---|---|---|"]
    by_status = sorted(known.items(), key=lambda item: item[1])
    rows = [f"| {status} | `{reason}` | {MEANING[reason]} |" for reason, status in by_status]
    models = [f"| {status} | `{kind}` |" for kind, status in STATUS.items()]
    lines = [_NOTE, "# Reasons of the HTTP API\n", _INTRO, *head, *rows, "", _MODELS]
    waits = [f"| `{reason}` | {said} |" for reason, said in WAITS.items()]
    lines += ["| status | error class |", "|---|---|", *models]
    return "\n".join([*lines, _LIMITS, "| reason | meaning |", "|---|---|", *waits, ""])


def _kinds(root: type[GatewayError]) -> Iterator[type[GatewayError]]:
    """Yield the errors that have a reason of their own; those of models have an error class."""
    if issubclass(root, ModelError):
        return
    yield root
    for kind in root.__subclasses__():
        yield from _kinds(kind)
