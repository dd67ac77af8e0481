"""What the chart may set; read once at start by `__main__` and handed down from there."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path  # noqa: TC003 -- pydantic reads the annotation while it runs
from typing import Annotated, Final, Literal, Self

from pydantic import (
    Field,
    SecretStr,  # noqa: TC002 -- pydantic reads the annotation while it runs
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from headrace_contract.names import PORT_CLIENTS, PORT_METRICS, SYSTEM_NAMESPACE

PREFIX: Final = "HEADRACE_"


class Settings(BaseSettings):
    """Variables of the operator's pod, each with the prefix `HEADRACE_`; defaults suit a laptop."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    ledger_url: SecretStr | None = None
    """PostgreSQL, as the role `headrace_operator`; this or `ledger_url_file` is needed."""
    ledger_url_file: Path | None = None
    """File that holds the address of the ledger, such as a mounted Secret's key."""
    gateway_url: str = f"http://headrace-gateway.{SYSTEM_NAMESPACE}.svc:{PORT_CLIENTS}"
    """Address that workers are given."""
    worker_image: str = "headrace-worker:latest"
    """Image of pools that name none."""
    system_namespace: str = SYSTEM_NAMESPACE
    """Where the gateway and the operator's Lease are."""
    watch_namespaces: Annotated[tuple[str, ...], NoDecode] = ()
    """Namespaces to look after, separated by commas; all of them when empty."""
    node_cidrs: Annotated[tuple[str, ...], NoDecode] = ()
    """Ranges of the nodes' addresses, separated by commas: no worker may reach them."""
    pod_name: str = "headrace-operator"
    """Who holds the Lease, and who is named in Events."""
    listen_host: str = "0.0.0.0"  # noqa: S104 -- the kubelet and Prometheus come from outside the pod
    listen_port: int = PORT_METRICS
    """Port of /metrics, /healthz and /readyz."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["auto", "json", "console"] = "auto"
    """`auto` is JSON unless a person's terminal reads it."""

    concurrency: Annotated[int, Field(ge=1, le=256)] = 32
    """Keys that are reconciled at a time."""
    api_writes_per_second: Annotated[float, Field(gt=0)] = 50.0
    api_write_burst: Annotated[int, Field(ge=1)] = 100
    """Writes that may be sent at once after a quiet time."""
    resync_seconds: Annotated[float, Field(gt=0)] = 300.0
    """How often everything is listed and compared, give or take a tenth."""
    counts_seconds: Annotated[float, Field(gt=0)] = 5.0
    """How often the counts in status may change."""
    keda_seconds: Annotated[float, Field(gt=0)] = 20.0
    """How often the API server is asked whether KEDA is there."""
    lease_seconds: Annotated[float, Field(gt=0)] = 30.0
    """How long the operator's Lease lasts; it is renewed three times as often."""

    @field_validator("watch_namespaces", "node_cidrs", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("node_cidrs")
    @classmethod
    def _ranges(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(str(ip_network(cidr)) for cidr in value)

    @model_validator(mode="after")
    def _has_ledger(self) -> Self:
        if self.ledger_url is None and self.ledger_url_file is None:
            msg = f"set {PREFIX}LEDGER_URL or {PREFIX}LEDGER_URL_FILE"
            raise ValueError(msg)
        return self

    def ledger(self) -> str:
        """Return the address of the ledger, which holds a password: hand it on, never print it."""
        if self.ledger_url is not None:
            return self.ledger_url.get_secret_value()
        assert self.ledger_url_file is not None  # noqa: S101 -- the validator above saw to it
        return self.ledger_url_file.read_text(encoding="utf-8").strip()
