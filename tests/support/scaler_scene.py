"""A gateway whose scaler is asked over real gRPC, as KEDA asks it."""

from __future__ import annotations

from contextlib import asynccontextmanager

import grpc.aio

from gateway_scene import scene
from headrace_gateway.externalscaler_pb2 import GetMetricsRequest, ScaledObjectRef
from headrace_gateway.externalscaler_pb2_grpc import ExternalScalerStub
from headrace_gateway.scaler import serve_scaler


@asynccontextmanager
async def asking(ledger_server, **how):
    """Yield a scene and a client of its scaler."""
    async with scene(ledger_server, how.pop("providers", []), **how) as door:
        server, port = await serve_scaler(door.app.scaler, "127.0.0.1:0")
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield door, ExternalScalerStub(channel)
        door.app.stop()
        await server.stop(1)


def ref(door, pool="main", **changes):
    said = {"namespace": door.names.namespace, "pipeline": "draft", "pool": pool}
    fields = {"name": f"scale-{pool}", "namespace": door.names.namespace, **changes}
    return ScaledObjectRef(scalerMetadata=said, **fields)


async def value(stub, reference) -> float:
    answer = await stub.GetMetrics(GetMetricsRequest(scaledObjectRef=reference))
    return answer.metricValues[0].metricValueFloat
