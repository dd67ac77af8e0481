"""What model calls cost, for who pays: a tenant its own, the platform everybody's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, get_args

from headrace_contract.api import CostBy, CostItem, CostView, WorkerCost
from headrace_contract.days import span
from headrace_contract.names import PLATFORM_TENANT
from headrace_gateway.edge.answers import model_answer
from headrace_gateway.errors import BadRequestError, NotFoundError
from headrace_gateway.identity.caller import READ

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from headrace_gateway.identity.caller import Caller
    from headrace_gateway.runs.access import Access
    from headrace_gateway.world import World
    from headrace_ledger.costs import CostRecord, WorkerCostRecord

DEFAULT_SINCE: Final = "7d"
OF_WORKERS: Final = ("tenant", "pipeline")
HOUR: Final = 3600


class CostRoute:
    """`GET /v1/cost?by=&since=&until=&tenant=`."""

    def __init__(self, world: World, access: Access) -> None:
        self._world = world
        self._access = access

    async def get(self, request: Request) -> Response:
        """Answer with sums by key and currency, tenant by tenant."""
        caller = await self._access.caller(request, READ)
        params = request.query_params
        by = _by(params.get("by", "tenant"))
        try:
            since, until = span(
                params.get("since", DEFAULT_SINCE),
                params.get("until"),
                self._world.clock.now().date(),
            )
        except ValueError as exc:
            message = f"{exc}."
            raise BadRequestError(message) from exc
        ledger = self._world.ledger
        view = CostView(by=by, since=since, until=until, items=[])
        for tenant in await self._tenants(caller, params.get("tenant")):
            calls = await ledger.costs(tenant, since, until, by)
            view.items.extend(_item(tenant, record) for record in calls)
            if by in OF_WORKERS:
                workers = await ledger.worker_costs(tenant, since, until, by)
                view.workers.extend(_worker(tenant, record) for record in workers)
        return model_answer(view)

    async def _tenants(self, caller: Caller, named: str | None) -> list[str]:
        """Return whose costs are told; somebody else's are as good as not there."""
        if named is not None and "\x00" in named:
            raise NotFoundError
        if caller.platform:
            if named is not None:
                return [named]
            rows = await self._world.ledger.tenants()
            return [row.tenant for row in rows if row.tenant != PLATFORM_TENANT]
        if caller.tenant is None or named not in (None, caller.tenant):
            raise NotFoundError
        return [caller.tenant]


def _by(text: str) -> CostBy:
    for known in get_args(CostBy):
        if text == known:
            found: CostBy = known
            return found
    message = f"`by` must be one of {', '.join(get_args(CostBy))}."
    raise BadRequestError(message)


def _item(tenant: str, record: CostRecord) -> CostItem:
    return CostItem(
        tenant=tenant,
        key=record.key,
        calls=record.calls,
        input_tokens=record.input_tokens,
        cached_input_tokens=record.cached_input_tokens,
        output_tokens=record.output_tokens,
        reasoning_tokens=record.reasoning_tokens,
        cost=None if record.cost is None else f"{record.cost:f}",
        currency=record.currency,
    )


def _worker(tenant: str, record: WorkerCostRecord) -> WorkerCost:
    return WorkerCost(
        tenant=tenant,
        key=record.key,
        hours=f"{record.seconds / HOUR:.4f}",
        cost=f"{record.cost:.9f}",
        currency=record.currency,
    )
