"""The routes of clients."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headrace_gateway.edge.route import route
from headrace_gateway.runs.access import Access
from headrace_gateway.runs.cost import CostRoute
from headrace_gateway.runs.events import EventsRoute
from headrace_gateway.runs.read import ReadRoutes
from headrace_gateway.runs.submit import SubmitRoute

if TYPE_CHECKING:
    from starlette.routing import Route

    from headrace_gateway.world import World


def run_routes(world: World) -> list[Route]:
    access = Access(world)
    read = ReadRoutes(world, access)
    runs = "/v1/namespaces/{namespace}/pipelines/{pipeline}/runs"
    return [
        route("POST", runs, SubmitRoute(world, access).post),
        route("GET", runs, read.many),
        route("GET", f"{runs}/{{run}}", read.one),
        route("GET", f"{runs}/{{run}}/events", EventsRoute(world, access).get),
        route("POST", f"{runs}/{{run}}/cancel", read.cancel),
        route("GET", "/v1/cost", CostRoute(world, access).get),
    ]
