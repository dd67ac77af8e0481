"""
A fake API server in a process of its own: plain HTTP, discovery, lists, watches and writes.

The same for both sides of B1. A watch first replays every event after its resourceVersion; a write
may be made to take a while, as a disk would make it. `/figures` tells of the writes it took and of
its own CPU time, from which the bench computes how near to its ceiling it was.

    python b1_fake.py --port 8001 [--write-ms 5]
"""

from __future__ import annotations

import argparse
import asyncio
import bisect
import json
import re
import time
from collections import Counter
from typing import Any, Final
from urllib.parse import parse_qsl

import httptools
import uvloop

from b1_kinds import KINDS, discovery
from b1_patches import Body, Refusal
from b1_store import Change, Event, Place, Store

PATH: Final = re.compile(
    r"/(?:api|apis)/(?P<version>v1|[^/]+/[^/]+)"
    r"(?:/namespaces/(?P<namespace>[^/]+)(?=/))?/(?P<plural>[^/]+)"
    r"(?:/(?P<name>[^/]+)(?:/(?P<sub>status))?)?"
)
BOOKMARK_SECONDS: Final = 20.0
STREAM: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
)


class Server:
    """The store, its watchers and its figures."""

    def __init__(self, write_seconds: float) -> None:
        self.store = Store()
        self.watchers: dict[str, set[Watch]] = {}
        self.writes: Counter[str] = Counter()
        self.write_seconds = write_seconds

    def figures(self) -> Body:
        return {"writes": self.writes, "cpu": time.process_time()}

    def write(self, verb: str, place: Place, body: Any, said: Body) -> tuple[int, bytes]:
        """Make one write."""
        kind = said["content"]
        manager = said["query"].get("fieldManager") or said["agent"]
        forced = said["query"].get("force") == "true"
        change = Change(manager, said["sub"] or "", forced)
        known = place in self.store.objects
        if verb == "POST":
            answer = self.store.create(place, body, change)
        elif verb == "PUT":
            answer = self.store.replace(place, body, change)
        elif verb == "DELETE":
            answer = self.store.delete(place, body or {})
        elif kind.startswith("application/apply-patch"):
            answer = self.store.apply(place, body, change)
        elif kind.startswith("application/json-patch"):
            answer = self.store.edit(place, body, change)
        else:
            answer = self.store.merge(place, body, change)
        # As on a real one, whose watch cache hears of a write a little later than its writer.
        asyncio.get_running_loop().call_soon(self.tell, said["path"])
        return 200 if known else 201, answer

    def tell(self, plural: str) -> None:
        """Tell the watchers of a kind what they have not heard."""
        for watch in tuple(self.watchers.get(plural, ())):
            watch.catch_up(self.store.log)


class Watch:
    """One stream of events."""

    def __init__(self, out: Any, place: Place, labels: list[str], since: int) -> None:
        self.out = out
        self.place = place
        self.labels = [one.partition("=") for one in labels]
        self.since = since

    def catch_up(self, log: list[Event]) -> None:
        """Send every event after the last that was seen."""
        first = bisect.bisect_right(log, self.since, key=lambda event: event.version)
        for event in log[first:]:
            self.since = event.version
            if self._wants(event) and not self.out.is_closing():
                self.out.write(b"%x\r\n%b\r\n" % (len(event.line), event.line))

    def _wants(self, event: Event) -> bool:
        if event.kind != self.place[0] or self.place[1] not in {None, event.namespace}:
            return False
        return fits(event.labels, self.labels)


def fits(labels: Body, wanted: list[tuple[str, str, str]]) -> bool:
    return all(labels.get(n) == v if eq else n in labels for n, eq, v in wanted)


class Connection(asyncio.Protocol):
    """One connection: a request at a time, or a watch until it ends."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.parser = httptools.HttpRequestParser(self)
        self.watch: tuple[set[Watch], Watch] | None = None
        self.url, self.body = b"", b""
        self.headers: dict[bytes, bytes] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.out: Any = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if self.watch:
            self.watch[0].discard(self.watch[1])

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.lower()] = value

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        verb = self.parser.get_method().decode()
        url, body, headers = self.url.decode(), self.body, self.headers
        self.url, self.body, self.headers = b"", b"", {}
        path, _, query = url.partition("?")
        asked = verb, path, dict(parse_qsl(query)), headers, body
        if verb != "GET" and self.server.write_seconds:
            loop = asyncio.get_running_loop()
            loop.call_later(self.server.write_seconds, self.reply, *asked)
        else:
            self.reply(*asked)

    def reply(self, *asked: Any) -> None:
        try:
            code, answer = self.serve(*asked)
        except Refusal as refused:
            code = refused.code
            told = {"kind": "Status", "status": "Failure", "code": code, "message": str(refused)}
            answer = json.dumps(told).encode()
        if answer is not None:
            self.answer(code, answer)

    def answer(self, code: int, text: bytes) -> None:
        head = b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        self.out.write(head % (code, len(text)) + text)

    def serve(
        self, verb: str, path: str, query: dict[str, str], headers: Any, text: bytes
    ) -> tuple[int, bytes | None]:
        server = self.server
        if path == "/figures":
            return 200, json.dumps(server.figures()).encode()
        if verb == "GET" and (known := discovery(path)) is not None:
            return 200, json.dumps(known).encode()
        found = PATH.fullmatch(path)
        kinds = (
            {plural: kind for kind, plural in KINDS.get(found["version"], {}).items()}
            if found
            else {}
        )
        if found is None or found["plural"] not in kinds:
            raise Refusal(404, f"{path} is not served")
        kind, plural = kinds[found["plural"]], found["plural"]
        body = json.loads(text) if text else None
        name = found["name"] or (body["metadata"]["name"] if verb == "POST" else "")
        place = kind, found["namespace"], name
        if verb != "GET":
            server.writes[plural] += 1
            said = {
                "content": headers.get(b"content-type", b"").decode(),
                "agent": headers.get(b"user-agent", b"").decode().split("/")[0],
                "query": query,
                "sub": found["sub"],
                "path": plural,
            }
            return server.write(verb, place, body, said)
        if name:
            stored = server.store.objects.get(place)
            if stored is None:
                raise Refusal(404, f"{kind} '{name}' not found")
            return 200, stored.text
        labels = [one for one in query.get("labelSelector", "").split(",") if one]
        if query.get("watch") == "true":
            self.begin(place, plural, labels, query)
            return 200, None
        return 200, _listed(server.store, place, found["version"], labels)

    def begin(self, place: Place, plural: str, labels: list[str], query: dict[str, str]) -> None:
        """Send every event after the version that was seen, and then those that come."""
        self.out.write(STREAM)
        since = int(query.get("resourceVersion") or self.server.store.version)
        watch = Watch(self.out, place, labels, since)
        watch.catch_up(self.server.store.log)
        among = self.server.watchers.setdefault(plural, set())
        among.add(watch)
        self.watch = among, watch
        loop = asyncio.get_running_loop()
        if seconds := float(query.get("timeoutSeconds") or 0):
            loop.call_later(seconds, self.end)
        loop.call_later(BOOKMARK_SECONDS, self.bookmark)

    def bookmark(self) -> None:
        if self.watch and not self.out.is_closing():
            metadata = {"resourceVersion": str(self.server.store.version)}
            said = {
                "type": "BOOKMARK",
                "object": {"kind": self.watch[1].place[0], "metadata": metadata},
            }
            line = json.dumps(said).encode() + b"\n"
            self.out.write(b"%x\r\n%b\r\n" % (len(line), line))
            asyncio.get_running_loop().call_later(BOOKMARK_SECONDS, self.bookmark)

    def end(self) -> None:
        if self.watch and not self.out.is_closing():
            self.watch[0].discard(self.watch[1])
            self.watch = None
            self.out.write(b"0\r\n\r\n")


def _listed(store: Store, place: Place, version: str, labels: list[str]) -> bytes:
    wanted = [one.partition("=") for one in labels]
    texts = [
        stored.text
        for (kind, namespace, _), stored in store.objects.items()
        if kind == place[0]
        and place[1] in {None, namespace}
        and fits(stored.body["metadata"].get("labels") or {}, wanted)
    ]
    head = {"kind": f"{place[0]}List", "apiVersion": version}
    told = json.dumps({**head, "metadata": {"resourceVersion": str(store.version)}}).encode()
    return told[:-1] + b',"items":[' + b",".join(texts) + b"]}"


async def run(port: int, write_seconds: float) -> None:
    server = Server(write_seconds)
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(lambda: Connection(server), "127.0.0.1", port)
    async with listening:
        print(listening.sockets[0].getsockname()[1], flush=True)
        await listening.serve_forever()


def main() -> None:
    given = argparse.ArgumentParser()
    given.add_argument("--port", type=int, default=0)
    given.add_argument("--write-ms", type=float, default=0.0)
    asked = given.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(asked.port, asked.write_ms / 1000))


if __name__ == "__main__":
    main()
