"""
What runs in the local model's own environment: llama.cpp's server with four small corrections.

* It knows `response_format: json_object` with a `schema` beside it, and refuses the `json_schema`
  of OpenAI's dialect.
* Its grammar for strings lets line breaks through, which JSON does not.
* It cuts an answer short when another request comes; parallel steps cannot have that.
* Its model is small and does not always know when to stop: strings end after 200 characters.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import uvicorn
from llama_cpp import llama_grammar
from llama_cpp.server.app import create_app
from llama_cpp.server.settings import ModelSettings, ServerSettings

LONGEST = 200
CONTROLS = r"\x7F\x00-\x1F"


class SchemaDialect:
    """Rewrites the one field on its way in."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        whole = {"type": "http.request", "body": translated(body), "more_body": False}
        told = False

        async def once() -> Any:
            nonlocal told
            if told:
                return await receive()
            told = True
            return whole

        kept = [(name, value) for name, value in scope["headers"] if name != b"content-length"]
        length = (b"content-length", str(len(whole["body"])).encode())
        await self._app({**scope, "headers": [*kept, length]}, once, send)


def translated(body: bytes) -> bytes:
    """Say `json_schema` in the words of llama.cpp's server."""
    asked = json.loads(body)
    wanted = asked.get("response_format") or {}
    if wanted.get("type") != "json_schema":
        return body
    schema = bounded(wanted["json_schema"]["schema"])
    return json.dumps(
        {**asked, "response_format": {"type": "json_object", "schema": schema}}
    ).encode()


def bounded(schema: Any) -> Any:
    """Give every string an end."""
    if isinstance(schema, list):
        return [bounded(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {name: bounded(value) for name, value in schema.items()}
    if inner.get("type") == "string":
        inner["maxLength"] = min(inner.get("maxLength", LONGEST), LONGEST)
    return inner


def main() -> None:
    rule = llama_grammar.PRIMITIVE_RULES["char"]
    rule.content = rule.content.replace(r'[^"\\]', rf'[^"\\{CONTROLS}]')
    port, model, alias, threads = sys.argv[1:]
    app = create_app(
        server_settings=ServerSettings(interrupt_requests=False),
        model_settings=[
            ModelSettings(
                model=model, model_alias=alias, n_ctx=8192, n_threads=int(threads), verbose=False
            )
        ],
    )
    uvicorn.run(SchemaDialect(app), host="127.0.0.1", port=int(port), log_level="warning")


if __name__ == "__main__":
    main()
