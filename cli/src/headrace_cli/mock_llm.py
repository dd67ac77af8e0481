"""
The mock model: an OpenAI-compatible endpoint that costs nothing and fails on demand.

* `POST /v1/chat/completions`, `GET /v1/models`: what the gateway's adapter speaks
* `GET|POST|DELETE /faults`: what goes wrong from now on (see `headrace_cli.mock.faults`)
* `GET|DELETE /journal`: every call, so that tests can count them
* `GET /sources?topic=`: a small JSON document, for the HTTP steps of examples
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any, Final

import typer
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from headrace_cli.mock import text
from headrace_cli.mock.answer import Answer, Pace, compose, prompt_of
from headrace_cli.mock.faults import Fault, FaultBook, FaultSyntaxError, from_mapping
from headrace_cli.mock.journal import Call, Journal
from headrace_cli.mock.rates import Rates
from headrace_cli.mock.streams import CutResponse, frames
from headrace_cli.printing import note

MODELS: Final = ("mock-small", "mock-large")
_TYPES: Final = {400: "invalid_request_error", 401: "authentication_error", 429: "rate_limit_error"}


@dataclass(slots=True)
class MockModel:
    """Everything the mock remembers; one per server."""

    pace: Pace = field(default_factory=Pace)
    api_key: str | None = field(default=None, repr=False)
    clock: Callable[[], float] = time.time
    faults: FaultBook = field(default_factory=FaultBook)
    journal: Journal = field(default_factory=Journal)
    rates: Rates | None = None
    """When set, each answer says how many requests are left, and too many are refused."""

    async def chat(self, request: Request) -> Response:
        """Answer one chat completion."""
        if self.api_key and request.headers.get("authorization") != f"Bearer {self.api_key}":
            return _error(401, "the API key is not the one that this mock wants")
        try:
            body = await _body(request)
            prompt = prompt_of(body)
            asked = request.headers.get("x-mock-fault")
            fault = self.faults.pick(str(body["model"]), asked, prompt)
        except FaultSyntaxError as exc:
            return _error(400, str(exc))
        call = self.journal.add(self._call(request, body, prompt, fault))
        if self.rates is None:
            return await self._said(call, body, fault)
        found = self.rates.take(str(body["model"]).partition("!")[0], self.clock())
        if found.refused:
            call.status, call.finished = 429, True
            response: Response = _error(429, "too many requests", found.seconds)
        else:
            response = await self._said(call, body, fault)
        response.headers.update(found.headers)
        return response

    async def _said(self, call: Call, body: dict[str, Any], fault: Fault | None) -> Response:
        if fault is not None and fault.status is not None:
            call.status, call.finished = fault.status, True
            return _error(fault.status, "a fault on demand", fault.retry_after)
        return await self._answer(call, body, fault)

    def _call(
        self, request: Request, body: dict[str, Any], prompt: str, fault: Fault | None
    ) -> Call:
        nth = self.journal.count + 1
        digest = hashlib.sha256(f"{nth}:{prompt}".encode()).hexdigest()[:12]
        return Call(
            id=f"chatcmpl-{nth}-{digest}",
            model=str(body["model"]),
            stream=bool(body.get("stream")),
            prompt=prompt,
            idempotency_key=request.headers.get("idempotency-key"),
            traceparent=request.headers.get("traceparent"),
            fault=fault.kind if fault else None,
        )

    async def _answer(self, call: Call, body: dict[str, Any], fault: Fault | None) -> Response:
        answer = compose(body, call.id, fault)
        call.input_tokens = answer.input_tokens
        pace = self.pace.with_fault(fault)
        cut = fault.after if fault is not None and fault.kind == "cut" else None
        if fault is not None and fault.kind == "garbage":
            call.finished = True
            return Response("<html>not what you asked for</html>", media_type="text/html")
        if call.stream:
            return self._stream(call, answer, body, (pace, cut))
        await asyncio.sleep(pace.due(len(answer.pieces)))
        call.output_tokens, call.finished = len(answer.pieces), cut is None
        whole = answer.whole(int(self.clock()))
        return JSONResponse(whole) if cut is None else CutResponse.of(whole)

    def _stream(
        self, call: Call, answer: Answer, body: dict[str, Any], way: tuple[Pace, int | None]
    ) -> Response:
        pace, cut = way
        with_usage = bool((body.get("stream_options") or {}).get("include_usage"))
        chunks = answer.chunks(int(self.clock()), with_usage=with_usage)

        async def told() -> AsyncIterator[bytes]:
            async for nth, frame in frames(chunks, pace, cut):
                call.output_tokens = min(nth, len(answer.pieces))
                yield frame
            call.finished = cut is None

        kind = StreamingResponse if cut is None else CutResponse
        return kind(told(), media_type="text/event-stream", headers={"cache-control": "no-cache"})

    async def fault_list(self, request: Request) -> Response:
        """Show, add or forget faults."""
        try:
            if request.method == "POST":
                self.faults.post(from_mapping(await request.json()))
            elif request.method == "DELETE":
                self.faults.forget()
        except (FaultSyntaxError, ValueError, AttributeError) as exc:
            return _error(400, str(exc))
        shown = [{**asdict(fault), "nth": sorted(fault.nth)} for fault in self.faults.posted]
        return JSONResponse({"faults": shown})

    async def calls(self, request: Request) -> Response:
        """Show the journal, or begin a new one."""
        if request.method == "DELETE":
            self.journal.clear()
        return JSONResponse(self.journal.as_json())


async def _body(request: Request) -> dict[str, Any]:
    try:
        body = await request.json()
    except ValueError as exc:
        msg = "the body must be JSON"
        raise FaultSyntaxError(msg) from exc
    messages = body.get("messages") if isinstance(body, dict) else None
    right = isinstance(messages, list) and messages and all(isinstance(m, dict) for m in messages)
    if not right or "model" not in body:
        msg = "`model` and `messages` must be given"
        raise FaultSyntaxError(msg)
    return dict(body)


def _error(status: int, message: str, retry_after: float | None = None) -> JSONResponse:
    kind = _TYPES.get(status, "server_error")
    headers = {} if retry_after is None else {"retry-after": f"{retry_after:g}"}
    error = {"message": message, "type": kind, "code": status}
    return JSONResponse({"error": error}, status, headers)


async def models(_request: Request) -> Response:
    """List the names that examples use; any other name is served as well."""
    listed = [{"id": name, "object": "model", "owned_by": "headrace"} for name in MODELS]
    return JSONResponse({"object": "list", "data": listed})


async def sources(request: Request) -> Response:
    """Return made-up reading on a topic."""
    topic = request.query_params.get("topic", "everything")
    prompt = f"Topic: {topic}."
    found = [
        {"title": f"{noun} of {topic}", "year": 1990 + text.digest_of(noun + topic) % 35,
         "note": text.sentence(f"{prompt} {noun} {note}", nth)}
        for nth, (noun, note) in enumerate(
            (("A short history", "trade, settlement"), ("The economics", "prices, labour"),
             ("The future", "climate, policy"))
        )
    ]  # fmt: skip
    return JSONResponse({"topic": topic, "sources": found})


async def healthy(_request: Request) -> Response:
    return Response("ok\n")


def build_mock(model: MockModel | None = None) -> Starlette:
    """Build the ASGI app around what it remembers, which the caller may keep a hand on."""
    mock = model or MockModel()
    return Starlette(
        routes=[
            Route("/v1/chat/completions", mock.chat, methods=["POST"]),
            Route("/v1/models", models),
            Route("/faults", mock.fault_list, methods=["GET", "POST", "DELETE"]),
            Route("/journal", mock.calls, methods=["GET", "DELETE"]),
            Route("/sources", sources),
            Route("/healthz", healthy),
        ]
    )


def command(
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8000,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    latency: Annotated[float, typer.Option(help="Seconds to the first token.")] = 0.05,
    pace: Annotated[float, typer.Option(help="Tokens a second, after the first.")] = 300.0,
    rpm: Annotated[
        int | None,
        typer.Option(min=1, help="Requests a minute of each model, said in `x-ratelimit-*`."),
    ] = None,
) -> None:
    """Serve an OpenAI-compatible model that costs nothing and fails on demand.

    Example: headrace mock-llm --port 8000 --pace 50
    """
    note(f"mock model at http://{host}:{port}/v1")
    app = build_mock(MockModel(Pace(latency, pace), rates=Rates(rpm) if rpm else None))
    uvicorn.run(app, host=host, port=port, log_level="warning", access_log=False)
