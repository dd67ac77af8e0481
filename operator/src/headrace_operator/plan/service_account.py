"""Who the workers of a pipeline are to the gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headrace_contract.names import pipeline_name
from headrace_operator.model.resource import SERVICE_ACCOUNTS
from headrace_operator.plan.stamp import stamp

if TYPE_CHECKING:
    from headrace_operator.plan.context import PipelineContext
    from headrace_operator.plan.stamp import Manifest


def service_account(ctx: PipelineContext) -> Manifest:
    """Make an account that opens nothing but the gateway: no API token is ever mounted."""
    name = pipeline_name(ctx.pipeline.name)
    fields = {"automountServiceAccountToken": False}
    return stamp(SERVICE_ACCOUNTS, ctx.owner, name, fields, ctx.account.annotations)
