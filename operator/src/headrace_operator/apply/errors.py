"""Foreign errors become ours here, and nothing of a client's own kind gets out of `apply`."""

from __future__ import annotations

import json
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

import aiohttp
from kubernetes.aio.client.exceptions import ApiException

from headrace_ledger.errors import InvalidItemError, LedgerError
from headrace_operator.errors import (
    ClusterUnavailableError,
    ConflictError,
    ForbiddenError,
    GoneError,
    LedgerUnavailableError,
    RefusedError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

NOT_FOUND: Final = 404
SERVER_ERRORS: Final = 500
_TRANSIENT: Final = {
    401: ClusterUnavailableError,  # the token is being rotated
    408: ClusterUnavailableError,
    409: ConflictError,
    410: ClusterUnavailableError,
    429: ClusterUnavailableError,
}
_LONGEST_WORDS: Final = 500


def of_status(status: int, body: bytes, headers: Mapping[str, str]) -> Exception:
    """Translate an answer of the API server that is no success."""
    told = _told(body) or f"the API server answered {status}"
    if status == NOT_FOUND:
        return GoneError(told)
    if status >= SERVER_ERRORS or status in _TRANSIENT:
        return _TRANSIENT.get(status, ClusterUnavailableError)(told, retry_after(headers))
    if status == 403:  # noqa: PLR2004 -- HTTP's own number
        # A namespace that is going away takes nothing new; it will be gone soon.
        return ConflictError(told) if "being terminated" in told else ForbiddenError(told)
    return RefusedError(told)


@contextmanager
def kube_errors() -> Iterator[None]:
    """Translate what goes wrong on the way to the API server."""
    try:
        yield
    except ApiException as exc:
        raise of_status(exc.status or SERVER_ERRORS, b"", {}) from exc
    except (aiohttp.ClientError, TimeoutError, OSError) as exc:
        msg = f"the API server cannot be reached: {type(exc).__name__}"
        raise ClusterUnavailableError(msg) from exc


@contextmanager
def ledger_errors() -> Iterator[None]:
    """Translate what goes wrong on the way to the ledger; its own words may hold addresses."""
    try:
        yield
    except InvalidItemError as exc:
        msg = f"the ledger cannot store it: {exc}"
        raise RefusedError(msg) from exc
    except (LedgerError, TimeoutError, OSError) as exc:
        msg = f"the ledger cannot be used: {type(exc).__name__}"
        raise LedgerUnavailableError(msg) from exc


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Read `Retry-After`: seconds, a date (told from the answer's own `Date`), or nothing."""
    text = headers.get("Retry-After")
    if text is None:
        return None
    if text.isdigit():
        return float(text)
    try:
        until = parsedate_to_datetime(text)
        sent = parsedate_to_datetime(headers["Date"])
    except (ValueError, KeyError):
        return None
    return max(0.0, (until - sent).total_seconds())


def _told(body: bytes) -> str:
    """Repeat the message of a `Status` object, cut to what a condition can hold."""
    try:
        message = json.loads(body)["message"]
    except (ValueError, KeyError, TypeError):
        return ""
    return str(message)[:_LONGEST_WORDS]
