"""No error of the client below the port gets out of it."""

from __future__ import annotations

import aiohttp
import pytest

from headrace_gateway.models.aiohttp_upstream import translated
from headrace_gateway.models.ports import UpstreamTimeoutError, UpstreamUnreachableError


def every_kind_of(kind):
    return [kind, *(each for child in kind.__subclasses__() for each in every_kind_of(child))]


KINDS = {
    *every_kind_of(aiohttp.ClientError),
    ConnectionResetError,
    TimeoutError,
    UnicodeEncodeError,
}


@pytest.mark.parametrize("kind", sorted(KINDS, key=repr))
def test_every_error_of_the_client_is_translated(kind):
    error = kind.__new__(kind)
    Exception.__init__(error, "holds an address")
    ours = UpstreamTimeoutError if issubclass(kind, TimeoutError) else UpstreamUnreachableError
    with pytest.raises(ours) as caught, translated():
        raise error
    assert "address" not in str(caught.value)
