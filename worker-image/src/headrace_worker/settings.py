"""The environment of a worker pod, read once."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from headrace_contract import env
from headrace_contract.names import PORT_METRICS
from headrace_worker.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Settings:
    """Defaults are for a laptop; the operator sets every one of them in a pod."""

    gateway_url: str
    namespace: str
    pipeline: str
    pool: str
    worker: str
    concurrency: int
    drain_seconds: float
    token_file: Path | None
    health_port: int
    node_cidrs: tuple[str, ...]

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Settings:
        """Read; raise SettingsError that names the variable."""
        token_file = environ.get(env.TOKEN_FILE)
        return cls(
            gateway_url=environ.get(env.GATEWAY_URL, "http://127.0.0.1:8080"),
            namespace=_required(environ, env.NAMESPACE),
            pipeline=_required(environ, env.PIPELINE),
            pool=_required(environ, env.POOL),
            worker=environ.get(env.POD_NAME) or f"{socket.gethostname()}-{os.getpid()}",
            concurrency=int(_number(environ, env.CONCURRENCY, 4, 1, 100)),
            drain_seconds=_number(environ, env.DRAIN_SECONDS, 10, 0, 3600),
            token_file=Path(token_file) if token_file else None,
            health_port=int(_number(environ, env.HEALTH_PORT, PORT_METRICS, 0, 65535)),
            node_cidrs=tuple(filter(None, environ.get(env.NODE_CIDRS, "").split(","))),
        )


def _required(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name, "").strip()
    if not value:
        message = f"{name} must be set."
        raise SettingsError(message)
    return value


def _number(
    environ: Mapping[str, str], name: str, default: float, least: float, most: float
) -> float:
    text = environ.get(name) or str(default)
    message = f"{name} must be a number from {least:g} to {most:g}, not '{text}'."
    try:
        value = float(text)
    except ValueError:
        raise SettingsError(message) from None
    if not least <= value <= most:
        raise SettingsError(message)
    return value
