"""The way to webhooks over aiohttp: an address is judged where it is resolved, and connected to."""

from __future__ import annotations

import asyncio
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from headrace_gateway.webhooks.deliverer import Outcome, UndeliveredError
from headrace_gateway.webhooks.destinations import DestinationRefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohappyeyeballs import AddrInfoType

    from headrace_gateway.webhooks.destinations import Destinations

TIMEOUT_SECONDS: Final = 10.0
ANSWER_BYTES: Final = 4096
LOOKUPS: Final = 4


class AiohttpSender:
    """One connection per message, so that each one is resolved and judged anew."""

    def __init__(self, destinations: Destinations, ca: str | None = None) -> None:
        self._destinations = destinations
        # Threads of its own: names that take long keep none of a provider's waiting.
        self._lookups = ThreadPoolExecutor(LOOKUPS, thread_name_prefix="webhook-names")
        self._tls = ssl.create_default_context()
        if ca:
            self._tls.load_verify_locations(cadata=ca)

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> None:
        """Post once; nothing but a status of 2xx is a success, and no more than that is looked at.

        Raises UndeliveredError, and no error of its own client.
        """
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                status = await self._post(url, headers, body)
        except DestinationRefusedError as exc:
            raise UndeliveredError(Outcome.REFUSED, str(exc)) from exc
        except TimeoutError as exc:
            words = f"There was no answer in {TIMEOUT_SECONDS:g} s."
            raise UndeliveredError(Outcome.TIMED_OUT, words) from exc
        except (aiohttp.ClientError, OSError, ValueError) as exc:
            # The text of a transport error may hold an address; its kind is enough.
            raise UndeliveredError(Outcome.UNREACHABLE, f"{type(exc).__name__}.") from exc
        if not 200 <= status < 300:  # noqa: PLR2004 -- HTTP's
            raise UndeliveredError(Outcome.REJECTED, f"The answer was {status}.")

    def close(self) -> None:
        self._lookups.shutdown(wait=False, cancel_futures=True)

    async def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        if not url.startswith("https://"):
            message = "A webhook's address begins with https://."
            raise DestinationRefusedError(message)
        connector = aiohttp.TCPConnector(
            ssl=self._tls,
            resolver=Resolver(self._destinations, self._lookups),
            use_dns_cache=False,
            force_close=True,
            happy_eyeballs_delay=None,
            socket_factory=self._socket,
        )
        async with (
            aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
                read_bufsize=ANSWER_BYTES // 2,  # its buffer holds twice as much
            ) as session,
            session.post(
                url,
                headers={"user-agent": "headrace", "accept-encoding": "identity", **headers},
                data=body,
                allow_redirects=False,
            ) as response,
        ):
            response.close()  # the body is nobody's to read
            return response.status

    def _socket(self, found: AddrInfoType) -> socket.socket:
        """Judge what is connected to: an address in the place of a name is resolved by nobody."""
        family, kind, protocol, _, (address, port, *_) = found
        self._destinations.judge(str(address), int(port), [str(address)])
        return socket.socket(family, kind, protocol)


class Resolver(AbstractResolver):
    """Resolves a name once, and gives its addresses away only if every one of them is allowed."""

    def __init__(self, destinations: Destinations, lookups: ThreadPoolExecutor) -> None:
        self._destinations = destinations
        self._lookups = lookups

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(
            self._lookups, lambda: socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
        )
        addresses = [(kind, str(address[0])) for kind, _, _, _, address in found]
        self._destinations.judge(host, port, [address for _, address in addresses])
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=kind,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for kind, address in addresses
        ]

    async def close(self) -> None:
        """Close nothing: the threads are the sender's."""
