"""`decide.py REDIS SECONDS CALLERS CAPACITY`: decisions of `limits`, its async form over Redis."""

from __future__ import annotations

import uvloop
from limits import RateLimitItemPerHour
from limits.aio.storage import RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from decisions import Decide, main


async def decide(redis: str, capacity: int) -> Decide:
    limiter = SlidingWindowCounterRateLimiter(RedisStorage(f"async+{redis}"))
    item = RateLimitItemPerHour(capacity)

    async def one() -> bool:
        return await limiter.hit(item, "bench")

    return one


if __name__ == "__main__":
    uvloop.run(main(decide))
