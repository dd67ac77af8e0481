"""
The seven steps as a user of Restate writes them: `chain.py <port> <journal>`.

The service is served as the SDK's documentation says; who runs a chain calls Restate's ingress.
"""

import asyncio
import os
import sys
from functools import partial

import hypercorn.asyncio
import hypercorn.config
import restate

PORT, JOURNAL = int(sys.argv[1]), sys.argv[2]
STEPS = 7
TEXT = "x" * 498
journal = os.open(JOURNAL, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
chains = restate.Service("chain")


async def step(run: str, number: int) -> str:
    os.write(journal, f"{run} s{number}\n".encode())
    return TEXT


@chains.handler()
async def chain(context: restate.Context, run: str) -> str:
    for number in range(1, STEPS + 1):
        await context.run_typed(f"s{number}", partial(step, run, number))
    return run


config = hypercorn.config.Config()
config.bind = [f"127.0.0.1:{PORT}"]
config.h2_max_concurrent_streams = 2147483647
asyncio.run(hypercorn.asyncio.serve(restate.app([chains]), config))
