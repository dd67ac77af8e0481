"""`decide.py REDIS SECONDS CALLERS CAPACITY LIMITS`: `throttled-py`, GCRA over Redis."""

from __future__ import annotations

from datetime import timedelta

import uvloop
from throttled.asyncio import RateLimiterType, RedisStore, Throttled
from throttled.asyncio.rate_limiter import per_duration

from decisions import Decide, main


async def decide(redis: str, capacity: int, keys: list[str]) -> Decide:
    # A burst of all of it, and next to nothing comes back while it is measured.
    quota = per_duration(timedelta(days=1), 1, burst=capacity)
    limiter = Throttled(
        using=RateLimiterType.GCRA.value,
        quota=quota,
        store=RedisStore(server=redis),
    )

    async def one() -> bool:
        return not any([(await limiter.limit(key)).limited for key in keys])

    return one


if __name__ == "__main__":
    uvloop.run(main(decide))
