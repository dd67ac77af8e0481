"""`decide.py REDIS SECONDS CALLERS CAPACITY LIMITS`: `limits` over Redis, its async form."""

from __future__ import annotations

import uvloop
from limits import RateLimitItemPerHour
from limits.aio.storage import RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from decisions import Decide, main


async def decide(redis: str, capacity: int, keys: list[str]) -> Decide:
    limiter = SlidingWindowCounterRateLimiter(RedisStorage(f"async+{redis}"))
    item = RateLimitItemPerHour(capacity)

    async def one() -> bool:
        return all([await limiter.hit(item, key) for key in keys])

    return one


if __name__ == "__main__":
    uvloop.run(main(decide))
