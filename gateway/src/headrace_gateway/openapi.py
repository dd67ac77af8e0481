"""The description of every route, from the contract's models; a test holds it to the routes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pydantic.json_schema import models_json_schema
from pydantic_core import to_json

from headrace_contract import api, protocol
from headrace_contract.compiled import PROTOCOL_VERSION

if TYPE_CHECKING:
    from pydantic import BaseModel

RUNS: Final = "/v1/namespaces/{namespace}/pipelines/{pipeline}/runs"
REF: Final = "#/components/schemas/{model}"
CREDENTIALS: Final = (
    "An API key (`hr_…`), a token of a ServiceAccount with the audience `headrace`, or a token of "
    "an OpenID Connect issuer that the platform trusts. Model calls come with the key of a running "
    "step instead."
)


@dataclass(frozen=True, slots=True)
class Operation:
    """One route as it is described."""

    method: str
    path: str
    summary: str
    body: type[BaseModel] | None = None
    answer: type[BaseModel] | None = None
    status: int = 200
    query: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    media: str = "application/json"
    any_body: bool = False
    body_schema: dict[str, Any] | None = None
    also: tuple[int, type[BaseModel]] | None = None
    """A second status, and its answer."""
    streams: bool = False
    open: bool = False
    """Whether it answers without credentials."""


# What the gateway itself reads; everything else goes to the provider as it is.
CHAT: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["model", "messages"],
    "properties": {
        "model": {"type": "string", "description": "A model class of the pipeline."},
        "messages": {"type": "array", "items": {"type": "object"}},
        "stream": {"type": "boolean", "default": False},
        "stream_options": {
            "type": "object",
            "properties": {"include_usage": {"type": "boolean", "default": False}},
        },
    },
    "additionalProperties": True,
}

OPERATIONS: Final = (
    Operation(
        "post",
        RUNS,
        "Submit a run; the body is its input. Accepted means committed. `dryRun` only looks.",
        answer=api.RunAccepted,
        status=202,
        query=("wait", "priority", "deadline", "dryRun"),
        headers=("Idempotency-Key", "traceparent"),
        any_body=True,
        also=(200, api.RunView),
    ),
    Operation(
        "get",
        RUNS,
        "List runs, the youngest first.",
        answer=api.RunList,
        query=("status", "limit", "cursor"),
    ),
    Operation("get", f"{RUNS}/{{run}}", "Read a run.", answer=api.RunView, query=("wait",)),
    Operation(
        "get",
        f"{RUNS}/{{run}}/events",
        "Stream what happens to a run.",
        headers=("Last-Event-ID",),
        query=("lastEventId",),
        media="text/event-stream",
    ),
    Operation(
        "post", f"{RUNS}/{{run}}/cancel", "Cancel a run.", answer=api.CancelAnswer, status=202
    ),
    Operation(
        "get",
        "/v1/cost",
        "Sum what model calls cost, by tenant, pipeline, step, model or run.",
        answer=api.CostView,
        query=("by", "since", "until", "tenant"),
    ),
    Operation("post", "/v1/keys", "Make an API key.", api.KeyRequest, api.KeyCreated, 201),
    Operation("get", "/v1/keys", "List API keys.", answer=api.KeyList, query=("tenant",)),
    Operation(
        "post",
        "/v1/keys/{id}/rotate",
        "Make an API key in place of another, which ends after the overlap.",
        api.KeyRotationRequest,
        api.KeyCreated,
        201,
    ),
    Operation("delete", "/v1/keys/{id}", "Revoke an API key.", status=204, query=("tenant",)),
    Operation(
        "post",
        "/v1/work/claim",
        "Claim steps; a long poll.",
        protocol.ClaimRequest,
        protocol.ClaimResponse,
    ),
    Operation(
        "post",
        "/v1/work/heartbeat",
        "Keep leases.",
        protocol.HeartbeatRequest,
        protocol.HeartbeatResponse,
    ),
    Operation(
        "post",
        "/v1/work/complete",
        "Hand results in.",
        protocol.CompleteRequest,
        protocol.CompleteResponse,
    ),
    Operation(
        "post", "/v1/work/fail", "Report failures.", protocol.FailRequest, protocol.FailResponse
    ),
    Operation(
        "post",
        "/v1/work/release",
        "Hand leases back; no attempt is spent.",
        protocol.ReleaseRequest,
        protocol.ReleaseResponse,
    ),
    Operation(
        "post",
        "/v1/work/progress",
        "Show text to who watches the run.",
        protocol.ProgressRequest,
        status=204,
    ),
    Operation(
        "post",
        "/v1/chat/completions",
        "Ask a model, as OpenAI's API does; with the key of a running step.",
        any_body=True,
        body_schema=CHAT,
        streams=True,
    ),
    Operation("get", "/openapi.json", "This description.", open=True),
)


def description(version: str) -> dict[str, Any]:
    """Assemble the document."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _described(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "headrace gateway",
            "version": version,
            "description": "Runs for clients, the worker protocol (version "
            f"{PROTOCOL_VERSION}), and the model endpoint of running steps.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": CREDENTIALS}
            },
        },
        "security": [{"bearer": []}],
    }


def document(version: str) -> bytes:
    return to_json(description(version))


def _schemas() -> dict[str, Any]:
    models: list[tuple[type[BaseModel], Any]] = [(api.ProblemView, "serialization")]
    for operation in OPERATIONS:
        if operation.body is not None:
            models.append((operation.body, "validation"))
        if operation.answer is not None:
            models.append((operation.answer, "serialization"))
        if operation.also is not None:
            models.append((operation.also[1], "serialization"))
    _, schema = models_json_schema(list(dict.fromkeys(models)), ref_template=REF)
    found: dict[str, Any] = schema["$defs"]
    return found


def _described(operation: Operation) -> dict[str, Any]:
    said: dict[str, Any] = {
        "summary": operation.summary,
        "operationId": _name(operation),
        "responses": {
            str(operation.status): _answer(operation),
            "default": {
                "description": "Refused; the title says what was wrong and what is allowed.",
                "content": {"application/problem+json": {"schema": _ref(api.ProblemView)}},
            },
        },
    }
    if operation.also is not None:
        status, model = operation.also
        content = {"application/json": {"schema": _ref(model)}}
        description = "With `wait`: the run is over, and this is what became of it."
        said["responses"][str(status)] = {"description": description, "content": content}
    if operation.open:
        said["security"] = []
    parameters = _parameters(operation)
    if parameters:
        said["parameters"] = parameters
    if operation.body is not None or operation.any_body:
        schema = operation.body_schema or {}
        if operation.body is not None:
            schema = _ref(operation.body)
        said["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schema}},
        }
    return said


def _answer(operation: Operation) -> dict[str, Any]:
    said: dict[str, Any] = {"description": operation.summary}
    if operation.answer is not None:
        said["content"] = {operation.media: {"schema": _ref(operation.answer)}}
    elif operation.streams:
        said["content"] = {
            "application/json": {"schema": {"type": "object"}},
            "text/event-stream": {"schema": {"type": "string"}},
        }
    elif operation.media != "application/json":
        said["content"] = {operation.media: {"schema": {"type": "string"}}}
    return said


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    named = [part[1:-1] for part in operation.path.split("/") if part.startswith("{")]
    text = {"type": "string"}
    return [
        *({"name": name, "in": "path", "required": True, "schema": text} for name in named),
        *({"name": name, "in": "query", "schema": text} for name in operation.query),
        *({"name": name, "in": "header", "schema": text} for name in operation.headers),
    ]


def _ref(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": REF.format(model=model.__name__)}


def _name(operation: Operation) -> str:
    words = [part.strip("{}.") for part in operation.path.split("/") if part and part != "v1"]
    return "_".join([operation.method, *(word.replace(".", "_") for word in words)])
