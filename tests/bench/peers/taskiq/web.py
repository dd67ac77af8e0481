"""FastAPI before taskiq: API key, idempotency key, 202 with an id when Redis has the job."""

from __future__ import annotations

import hashlib
import hmac
import os
from contextlib import asynccontextmanager
from typing import Annotated, Any
from uuid import uuid4

from fastapi import Depends, FastAPI, Header, HTTPException
from jobs import broker, nothing
from pydantic import BaseModel
from redis.asyncio import Redis

KEYS = {hashlib.sha256(os.environ["BENCH_KEY"].encode()).digest(): "bench"}
KEPT_SECONDS = 86_400
redis = Redis.from_url(os.environ["BENCH_REDIS"])


class Given(BaseModel):
    number: int
    sent: int
    text: str


class Accepted(BaseModel):
    id: str
    status: str
    links: dict[str, str]


@asynccontextmanager
async def lifespan(_: FastAPI) -> Any:
    await broker.startup()
    yield
    await broker.shutdown()


app = FastAPI(lifespan=lifespan)


def caller(authorization: Annotated[str, Header()] = "") -> str:
    digest = hashlib.sha256(authorization.removeprefix("Bearer ").encode()).digest()
    for known, tenant in KEYS.items():
        if hmac.compare_digest(known, digest):
            return tenant
    raise HTTPException(401)


@app.post("/runs", status_code=202)
async def submit(
    given: Given,
    tenant: Annotated[str, Depends(caller)],
    idempotency_key: Annotated[str | None, Header()] = None,
) -> Accepted:
    run = str(uuid4())
    if idempotency_key:
        name = f"idempotency:{tenant}:{idempotency_key}"
        if not await redis.set(name, run, nx=True, ex=KEPT_SECONDS):
            earlier = await redis.get(name)
            return accepted(earlier.decode())
    await nothing.kiq(given.number, given.sent, given.text)
    return accepted(run)


def accepted(run: str) -> Accepted:
    return Accepted(id=run, status="Pending", links={"self": f"/runs/{run}"})
