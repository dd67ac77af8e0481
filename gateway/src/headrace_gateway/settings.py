"""What the environment says, read once; only `__main__` may import this."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Annotated

from pydantic import (  # noqa: TC002 -- read when the class is made
    Field,
    Json,
    SecretStr,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from headrace_contract.addresses import Network  # noqa: TC001 -- as above
from headrace_contract.names import (
    PORT_CLIENTS,
    PORT_METRICS,
    PORT_SCALER,
    SYSTEM_NAMESPACE,
)
from headrace_contract.resources.base import Port  # noqa: TC001 -- as above
from headrace_gateway.identity.issuers import TrustedIssuer  # noqa: TC001 -- as above
from headrace_gateway.webhooks.destinations import PORTS


class Settings(BaseSettings):
    """Variables `HEADRACE_…`; defaults are for a pod, since a laptop composes its own gateway."""

    model_config = SettingsConfigDict(env_prefix="HEADRACE_", frozen=True)

    ledger_url: SecretStr
    namespace: str = SYSTEM_NAMESPACE
    host: str = "0.0.0.0"  # noqa: S104 -- a pod's own address; NetworkPolicies say who reaches it
    port: int = PORT_CLIENTS
    metrics_port: int = PORT_METRICS
    scaler_port: int = PORT_SCALER
    ledger_connections: int = 8
    api_server: str = "https://kubernetes.default.svc"
    service_account: Path = Path("/var/run/secrets/kubernetes.io/serviceaccount")
    token_issuer: str | None = None
    """The cluster's issuer; its discovery document says it when this is not set."""
    oidc_issuers: Json[tuple[TrustedIssuer, ...]] = Field((), validate_default=False)
    """Who else may sign tokens: a JSON list, as `gateway.oidc` of the chart says it."""
    node_cidrs: Annotated[tuple[Network, ...], NoDecode] = ()
    """Ranges of the nodes' addresses, separated by commas: no webhook goes there."""
    webhook_cidrs: Annotated[tuple[Network, ...], NoDecode] = ()
    """Ranges that webhooks may go to beside public addresses, separated by commas."""
    webhook_ports: Annotated[frozenset[Port], NoDecode] = PORTS
    """Ports that webhooks may go to, separated by commas."""
    webhook_ca: str = ""
    """Certificates, in PEM, that sign those of webhooks beside the usual ones."""
    grace_seconds: float = 290.0
    """How long model streams may go on after SIGTERM: the pod's grace less ten seconds."""
    linger_seconds: float = 3.0
    """How long new connections are taken after SIGTERM, until everybody knows that we leave."""
    connections: int = 20_000
    """How many clients and workers may hold; each worker holds two or more."""
    log_level: str = "INFO"

    @field_validator("node_cidrs", "webhook_cidrs", "webhook_ports", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("webhook_ca")
    @classmethod
    def _holds_certificates(cls, value: str) -> str:
        if value:
            try:
                ssl.create_default_context(cadata=value)
            except ssl.SSLError as exc:
                message = "must be certificates in PEM"
                raise ValueError(message) from exc
        return value

    @field_validator("oidc_issuers")
    @classmethod
    def _each_issuer_has_one_verifier(
        cls, value: tuple[TrustedIssuer, ...], info: ValidationInfo
    ) -> tuple[TrustedIssuer, ...]:
        named = [trusted.issuer for trusted in value]
        if len(set(named)) != len(named) or info.data.get("token_issuer") in named:
            message = "an issuer is named twice, or is the cluster's own"
            raise ValueError(message)
        return value
