"""Which verifier a credential is given to."""

from __future__ import annotations

import pytest

from headrace_gateway.identity.either import EitherIdentity
from oidc_scene import ISSUER, token


class Named:
    def __init__(self, name):
        self.name = name

    async def authenticate(self, headers):
        return self.name


PICKED = {
    "an API key": (f"hr_{'a' * 8}_{'b' * 43}", "keys"),
    "a token of an issuer that is trusted": (token(), "issuer"),
    "a token of one that is not": (token(iss="https://evil.example"), "cluster"),
    "a token that names no issuer": (token(iss=None), "cluster"),
    "what is no token": ("nothing", "cluster"),
    "a token that is far too long": (token(more="x" * 9000), "cluster"),
    "brackets all the way": ("e30." + "W1tb" * 1000 + ".e30", "cluster"),
}


@pytest.mark.parametrize(("text", "want"), PICKED.values(), ids=PICKED)
async def test_the_verifier_is_picked_for(text, want):
    either = EitherIdentity(Named("keys"), Named("cluster"), {ISSUER: Named("issuer")})
    assert await either.authenticate({"authorization": f"Bearer {text}"}) == want
