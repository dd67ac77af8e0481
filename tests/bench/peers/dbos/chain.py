"""
The seven steps as a user of DBOS writes them; rounds are asked for over HTTP on loopback.

`chain.py <database> <port> <journal>`. Workflows are started in the process that runs them, as
DBOS is used. One at a time, coroutines are the faster form; twenty at a time, threads are. Each
gets the form that suits it.
"""

import asyncio
import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer

from dbos import DBOS, DBOSConfig

DATABASE, PORT, JOURNAL = sys.argv[1], int(sys.argv[2]), sys.argv[3]
STEPS = 7
TEXT = "x" * 498
journal = os.open(JOURNAL, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
config: DBOSConfig = {"name": "bench", "system_database_url": DATABASE, "log_level": "ERROR"}
DBOS(config=config)


def work(run: str, number: int) -> str:
    os.write(journal, f"{run} s{number}\n".encode())
    return TEXT


@DBOS.step()
def step(run: str, number: int) -> str:
    return work(run, number)


@DBOS.workflow()
def chain(run: str) -> str:
    for number in range(1, STEPS + 1):
        step(run, number)
    return run


@DBOS.step()
async def step_async(run: str, number: int) -> str:
    return work(run, number)


@DBOS.workflow()
async def chain_async(run: str) -> str:
    for number in range(1, STEPS + 1):
        await step_async(run, number)
    return run


async def one_by_one(names: list[str]) -> None:
    for name in names:
        assert await chain_async(name) == name


def at_once(names: list[str], count: int) -> None:
    with ThreadPoolExecutor(count) as pool:
        assert list(pool.map(chain, names)) == names


class Rounds(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        began = time.perf_counter()
        if asked["at_once"] == 1:
            asyncio.run(one_by_one(asked["names"]))
        else:
            at_once(asked["names"], asked["at_once"])
        said = json.dumps({"seconds": time.perf_counter() - began}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_: object) -> None:
        pass


DBOS.launch()
HTTPServer(("127.0.0.1", PORT), Rounds).serve_forever()
