"""Where workers may connect to; named by pipelines, granted by tenants."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from headrace_contract.resources.base import Cidr, DnsLabel, Port, Spec, as_set


class EgressRule(Spec):
    """Where workers may connect to, beside the gateway and DNS."""

    cidr: Cidr | None = None
    """Range of addresses, such as '203.0.113.0/24'."""
    namespace: DnsLabel | None = None
    """Namespace whose pods may be reached."""
    ports: Annotated[list[Port], Field(min_length=1, max_length=16, json_schema_extra=as_set())] = [
        443
    ]
    """TCP ports; 443 by default."""
