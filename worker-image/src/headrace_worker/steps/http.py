"""`HTTP`: one request, its answer as the step's output."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from headrace_contract.failures import ErrorClass
from headrace_worker.errors import StepFailedError
from headrace_worker.steps.egress import Egress
from headrace_worker.steps.fetch import Sent, fetch
from headrace_worker.steps.template import render

if TYPE_CHECKING:
    from collections.abc import Mapping

    from headrace_contract.compiled import CompiledHeader, CompiledHTTP
    from headrace_worker.attempt import StepContext
    from headrace_worker.steps.fetch import Received

# Headers that later steps have a use for; cookies and the like do not belong into the ledger.
_SHOWN: Final = (
    "content-type",
    "content-language",
    "etag",
    "last-modified",
    "link",
    "location",
    "retry-after",
    "x-request-id",
)
_OWN: Final = "HEADRACE_"


async def run(context: StepContext) -> Any:
    """Send the request; an unexpected status fails the attempt."""
    step = context.step.http
    if step is None:
        message = f"The step '{context.step.name}' has no `http`."
        raise StepFailedError(ErrorClass.INVALID_INPUT, message)
    profile = context.profile
    egress = Egress(context.pipeline.egress, profile.allow_loopback, profile.node_cidrs)
    received = await fetch(_sent(step, context), egress)
    if received.status not in step.success_codes:
        message = f"The server answered {received.status}."
        raise StepFailedError(
            ErrorClass.HTTP_STATUS, message, retry_after=_seconds(received.headers)
        )
    shown = {name: received.headers[name] for name in _SHOWN if name in received.headers}
    return {"status": received.status, "headers": shown, "body": _body(received)}


def _sent(step: CompiledHTTP, context: StepContext) -> Sent:
    variables = context.variables
    body = None if step.body is None else render("http.body", step.body, variables)
    headers = {h.name.lower(): _value(h, context.world.environ) for h in step.headers}
    headers.setdefault("user-agent", "headrace")
    headers.setdefault("accept-encoding", "identity")  # what is small here must not grow when read
    if body is not None:
        headers.setdefault("content-type", "application/json")
    # A step may run twice; who honours this key sees it once.
    headers.setdefault("idempotency-key", f"{context.lease.run}/{context.step.name}")
    headers.setdefault("traceparent", context.lease.traceparent)
    url = render("http.url", step.url, variables).strip()
    return Sent(method=step.method, url=url, headers=headers, body=body)


def _value(header: CompiledHeader, environ: Mapping[str, str]) -> str:
    if header.value_from_env is None:
        return header.value or ""
    value = environ.get(header.value_from_env)
    if value is None or header.value_from_env.startswith(_OWN):
        message = f"The pool's environment has no variable '{header.value_from_env}'."
        raise StepFailedError(ErrorClass.INVALID_INPUT, message)
    return value.strip()


def _body(received: Received) -> Any:
    """Return JSON where it is some, else text."""
    if "json" in received.headers.get("content-type", ""):
        try:
            return json.loads(received.body)
        except ValueError:
            pass
    try:
        return received.body.decode(received.encoding, "replace")
    except LookupError:  # the server named an encoding that is none
        return received.body.decode(errors="replace")


def _seconds(headers: Mapping[str, str]) -> float | None:
    text = headers.get("retry-after", "")
    return float(text) if text.isdigit() else None
