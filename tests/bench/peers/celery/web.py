"""FastAPI before Celery: API key, idempotency key, 202 with an id when Redis has the job.

Celery's client blocks, so the route is a plain function, which FastAPI runs in its threads.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from typing import Annotated
from uuid import uuid4

from fastapi import Depends, FastAPI, Header, HTTPException
from jobs import nothing
from pydantic import BaseModel
from redis import Redis

KEYS = {hashlib.sha256(os.environ["BENCH_KEY"].encode()).digest(): "bench"}
KEPT_SECONDS = 86_400
redis = Redis.from_url(os.environ["BENCH_REDIS"])
app = FastAPI()


class Given(BaseModel):
    number: int
    sent: int
    text: str


class Accepted(BaseModel):
    id: str
    status: str
    links: dict[str, str]


def caller(authorization: Annotated[str, Header()] = "") -> str:
    digest = hashlib.sha256(authorization.removeprefix("Bearer ").encode()).digest()
    for known, tenant in KEYS.items():
        if hmac.compare_digest(known, digest):
            return tenant
    raise HTTPException(401)


@app.post("/runs", status_code=202)
def submit(
    given: Given,
    tenant: Annotated[str, Depends(caller)],
    idempotency_key: Annotated[str | None, Header()] = None,
) -> Accepted:
    run = str(uuid4())
    if idempotency_key:
        name = f"idempotency:{tenant}:{idempotency_key}"
        if not redis.set(name, run, nx=True, ex=KEPT_SECONDS):
            return accepted(redis.get(name).decode())
    nothing.delay(given.number, given.sent, given.text)
    return accepted(run)


def accepted(run: str) -> Accepted:
    return Accepted(id=run, status="Pending", links={"self": f"/runs/{run}"})
