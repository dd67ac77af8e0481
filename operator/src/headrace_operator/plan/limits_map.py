"""A tenant's limits for people and Git tools to read; the truth is the ledger's of that digest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from headrace_contract.names import LIMITS_MAP
from headrace_operator.model.resource import CONFIG_MAPS
from headrace_operator.plan.limits import tenant_limits
from headrace_operator.plan.stamp import stamp_of_tenant

if TYPE_CHECKING:
    from collections.abc import Iterable

    from headrace_contract.resources.base import Spec
    from headrace_operator.model.tenancy import Tenant
    from headrace_operator.plan.stamp import Manifest


def limits_maps(tenant: Tenant, namespaces: Iterable[str]) -> tuple[Manifest, ...]:
    """Show limits and budgets, each with its source, in these namespaces; nothing without any."""
    plan = tenant_limits(tenant.identity, tenant.spec)
    if not plan.limits:
        return ()
    spec = tenant.spec
    document = {
        "tenant": tenant.name,
        **({"cohort": spec.cohort} if spec.cohort else {}),
        "limits": _sourced(tenant, "limits", spec.limits),
        "budgets": _sourced(tenant, "budgets", spec.budgets),
    }
    text = orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS).decode()
    fields = {"data": {"digest": plan.digest, "limits.json": text}}
    return tuple(
        stamp_of_tenant(CONFIG_MAPS, tenant, (namespace, LIMITS_MAP), fields)
        for namespace in namespaces
    )


def _sourced(tenant: Tenant, field: str, rows: Iterable[Spec]) -> list[dict[str, Any]]:
    kind = tenant.identity.resource.kind
    return [
        {
            # The address of a webhook may hold a secret of its own.
            **row.model_dump(mode="json", exclude_none=True, exclude={"webhook"}),
            "source": f"{kind}/{tenant.name} spec.{field}[{index}]",
        }
        for index, row in enumerate(rows)
    ]
