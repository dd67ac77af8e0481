"""What a caller may see of runs: absent and somebody else's are the same."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from uuid import UUID

from headrace_gateway.errors import NotFoundError
from headrace_gateway.pools import PIPELINE_SECONDS, Kept

if TYPE_CHECKING:
    from starlette.requests import Request

    from headrace_gateway.identity.caller import Caller
    from headrace_gateway.world import World
    from headrace_ledger.declared import PipelineRecord
    from headrace_ledger.records import RunRecord

_NAME: Final = re.compile(r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")


class Access:
    """From a request's address to the pipeline or run that it names, if the caller may see it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._pipelines: Kept[tuple[str, str], PipelineRecord] = Kept(
            lambda key: world.ledger.pipeline(*key), PIPELINE_SECONDS, world.clock.monotonic
        )

    async def caller(self, request: Request, *scopes: str) -> Caller:
        caller = await self._world.identity.authenticate(request.headers)
        caller.need(*scopes)
        return caller

    async def pipeline(self, request: Request, caller: Caller) -> PipelineRecord:
        key = _address(request)
        found = await self._pipelines.get(key)
        if found is None or found.deleting or not caller.sees(found.tenant):
            raise NotFoundError
        return found

    def forget(self, pipeline: PipelineRecord) -> None:
        """Look again next time: what we knew of it has turned out to be old."""
        self._pipelines.forget((pipeline.namespace, pipeline.name))

    async def run(self, request: Request, caller: Caller) -> RunRecord:
        """Find a run, also of a pipeline that is gone: finished runs outlive it."""
        namespace, pipeline = _address(request)
        try:
            run = UUID(request.path_params["run"])
        except ValueError as exc:
            raise NotFoundError from exc
        tenant = await self.tenant(caller, namespace)
        found = await self._world.ledger.run(tenant, run)
        if found is None or (found.namespace, found.pipeline) != (namespace, pipeline):
            raise NotFoundError
        return found

    async def tenant(self, caller: Caller, namespace: str) -> str:
        """Return the tenant whose rows are read: the caller's own, whatever the address says."""
        if not caller.platform:
            if caller.tenant is None:
                raise NotFoundError
            return caller.tenant
        tenant = await self._world.ledger.tenant_of(namespace)
        if tenant is None:
            raise NotFoundError
        return tenant


def _address(request: Request) -> tuple[str, str]:
    namespace, name = request.path_params["namespace"], request.path_params["pipeline"]
    if not (_NAME.match(namespace) and _NAME.match(name)):
        raise NotFoundError
    return namespace, name
