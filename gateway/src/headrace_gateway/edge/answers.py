"""What goes out: JSON, problems, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic_core import to_json
from starlette.responses import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel

    from headrace_gateway.errors import GatewayError


def json_answer(
    body: bytes, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    return Response(body, status, dict(headers or {}), media_type="application/json")


def model_answer(
    message: BaseModel, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Answer with a message of the contract; absent fields are left out."""
    return json_answer(message.model_dump_json(exclude_none=True).encode(), status, headers)


def problem_answer(error: GatewayError) -> Response:
    body = to_json(error.problem())
    return Response(body, error.code, dict(error.headers), media_type="application/problem+json")
