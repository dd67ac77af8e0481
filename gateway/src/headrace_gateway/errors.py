"""
Every way the gateway refuses, and the status that says so.

* GatewayError
  - BadRequestError        400  the request cannot be read
  - UnauthenticatedError   401  nobody that we know
  - ForbiddenError         403  known, and not allowed to do this
    + NotAllowedByTenantError
  - NotFoundError          404  absent, or not yours: the same words
  - MethodError            405
  - RequestTimeoutError    408  the body did not come in time
  - ConflictError          409
  - GoneError              410  the lease of this key is over
  - TooLargeError          413
  - EncodingError          415
  - InvalidError           422  read, and not acceptable
  - HeadersTooLargeError   431
  - KeyFullError           429  as many runs of its key are open as may be
  - ParkedError            429  a limit was reached; says until when
  - UpstreamError          400, 403, 502 or 504, by the class of the failure
  - UnavailableError       503  the ledger is away or we are too busy; try again
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from headrace_ledger.errors import (
    InvalidItemError,
    LedgerUnavailableError,
    SchemaTooOldError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from headrace_ledger.errors import LedgerError


class GatewayError(Exception):
    """A refusal: what was wrong and what is allowed, in one sentence."""

    status: ClassVar[int] = 500
    reason: ClassVar[str] = "InternalError"

    def __init__(self, title: str, *, detail: str | None = None) -> None:
        super().__init__(title)
        self.title = title
        self.detail = detail

    @property
    def code(self) -> int:
        return self.status

    @property
    def headers(self) -> Mapping[str, str]:
        return {}

    def problem(self) -> dict[str, Any]:
        """Say it as RFC 9457 asks; `reason` is the constant that programs read."""
        said: dict[str, Any] = {
            "type": "about:blank",
            "title": self.title,
            "status": self.code,
            "reason": self.reason,
        }
        if self.detail:
            said["detail"] = self.detail
        return said


class BadRequestError(GatewayError):
    status = 400
    reason = "BadRequest"


class UnauthenticatedError(GatewayError):
    status = 401
    reason = "Unauthenticated"

    def __init__(self, title: str = "Say who you are: no known key or token was sent.") -> None:
        super().__init__(title)

    @property
    def headers(self) -> Mapping[str, str]:
        return {"www-authenticate": 'Bearer realm="headrace"'}


class ForbiddenError(GatewayError):
    status = 403
    reason = "Forbidden"


class NotAllowedByTenantError(ForbiddenError):
    """The pipeline's tenant keeps its runs from it, whoever asks."""

    reason = "NotAllowedByTenant"


class NotFoundError(GatewayError):
    """One text for what is absent and for what is somebody else's."""

    status = 404
    reason = "NotFound"

    def __init__(self) -> None:
        super().__init__("There is nothing here that you may see.")


class MethodError(GatewayError):
    status = 405
    reason = "MethodNotAllowed"

    def __init__(self, allow: str) -> None:
        super().__init__(f"This address answers {allow} only.")
        self._allow = allow

    @property
    def headers(self) -> Mapping[str, str]:
        return {"allow": self._allow}


class RequestTimeoutError(GatewayError):
    status = 408
    reason = "RequestTimeout"


class ConflictError(GatewayError):
    status = 409
    reason = "Conflict"


class KeyFullError(GatewayError):
    """A limit per key of the pipeline with `onExceed: Reject` has no room for the run."""

    status = 429
    reason = "KeyLimitReached"

    def __init__(self, name: str) -> None:
        super().__init__(f"As many runs of this key are open as limits.perKey '{name}' allows.")


class GoneError(GatewayError):
    """A key whose lease has ended, or never was; nobody learns which."""

    status = 410
    reason = "StaleFence"


class TooLargeError(GatewayError):
    status = 413
    reason = "TooLarge"

    def __init__(self, limit: int) -> None:
        super().__init__(f"The body is too large: at most {limit} bytes.")


class EncodingError(GatewayError):
    status = 415
    reason = "UnsupportedMediaType"


class InvalidError(GatewayError):
    """Read, and not acceptable; `problems` say where."""

    status = 422
    reason = "Invalid"

    def __init__(self, title: str, problems: list[dict[str, str]] | None = None) -> None:
        super().__init__(title)
        self._problems = problems or []

    def problem(self) -> dict[str, Any]:
        return {**super().problem(), "problems": self._problems}


class HeadersTooLargeError(GatewayError):
    status = 431
    reason = "HeadersTooLarge"


class UnavailableError(GatewayError):
    """Nothing was done; the same request may be sent again after a moment."""

    status = 503
    reason = "Unavailable"

    def __init__(self, title: str, *, retry_after: int = 1) -> None:
        super().__init__(title)
        self._retry_after = retry_after

    @property
    def headers(self) -> Mapping[str, str]:
        return {"retry-after": str(self._retry_after)}


LEDGER_AWAY: Final = "The ledger cannot be reached; nothing was accepted."


def from_ledger(error: LedgerError) -> GatewayError:
    """Translate the ledger's errors, the one place where that is done."""
    if isinstance(error, InvalidItemError):
        return InvalidError("The ledger cannot store this.")
    if isinstance(error, (LedgerUnavailableError, SchemaTooOldError)):
        return UnavailableError(LEDGER_AWAY)
    return GatewayError("The ledger failed; the error is in the gateway's log.")
