"""What may be said of a trusted issuer, and what the gateway's settings make of it."""

from __future__ import annotations

import json

import pytest
from pydantic import SecretStr, ValidationError

from headrace_gateway.settings import Settings

ONE = {"issuer": "https://a.example", "audience": "x", "tenantClaim": "t", "scopes": ["read"]}


def settings(monkeypatch, *issuers, **more) -> Settings:
    monkeypatch.setenv("HEADRACE_OIDC_ISSUERS", json.dumps(issuers))
    return Settings(ledger_url=SecretStr("postgresql://"), **more)


def test_nobody_else_is_trusted_unless_it_is_said():
    assert Settings(ledger_url=SecretStr("postgresql://")).oidc_issuers == ()


def test_issuers_are_read_from_the_environment(monkeypatch):
    [trusted] = settings(monkeypatch, ONE).oidc_issuers
    assert (trusted.issuer, trusted.algorithms, trusted.scopes) == (
        "https://a.example",
        ("RS256",),
        ("read",),
    )


def test_keys_of_this_machine_may_be_read_in_the_clear(monkeypatch):
    [trusted] = settings(monkeypatch, {**ONE, "issuer": "http://127.0.0.1:81/x"}).oidc_issuers
    assert trusted.issuer == "http://127.0.0.1:81/x"


REFUSED = {
    "a misspelt field": [{**ONE, "jwksURL": "https://a.example/keys"}],
    "no audience": [{name: value for name, value in ONE.items() if name != "audience"}],
    "an empty audience": [{**ONE, "audience": ""}],
    "an issuer in the clear": [{**ONE, "issuer": "http://a.example"}],
    "an issuer that only looks like this machine": [
        {**ONE, "issuer": "http://localhost@a.example"}
    ],
    "keys in the clear": [{**ONE, "jwksUri": "http://a.example/keys"}],
    "an issuer with a query": [{**ONE, "issuer": "https://a.example?x=1"}],
    "a shared secret": [{**ONE, "algorithms": ["RS256", "HS256"]}],
    "no signature": [{**ONE, "algorithms": ["none"]}],
    "no algorithm": [{**ONE, "algorithms": []}],
    "no rights at all": [{**ONE, "scopes": None}],
    "no scopes": [{**ONE, "scopes": []}],
    "rights twice": [{**ONE, "scopesClaim": "scope"}],
    "the right to work": [{**ONE, "scopes": ["work"]}],
    "an issuer twice": [ONE, ONE],
}


@pytest.mark.parametrize("issuers", REFUSED.values(), ids=REFUSED)
def test_is_refused(monkeypatch, issuers):
    with pytest.raises(ValidationError) as refused:
        settings(monkeypatch, *issuers)
    assert {error["loc"][0] for error in refused.value.errors()} == {"oidc_issuers"}


def test_the_clusters_own_issuer_has_a_verifier_already(monkeypatch):
    with pytest.raises(ValidationError, match="the cluster's own"):
        settings(monkeypatch, ONE, token_issuer="https://a.example")


def test_what_is_no_json_is_said_as_a_setting_that_is_wrong(monkeypatch):
    monkeypatch.setenv("HEADRACE_OIDC_ISSUERS", "[{")
    with pytest.raises(ValidationError) as refused:
        Settings(ledger_url=SecretStr("postgresql://"))
    assert refused.value.errors()[0]["loc"] == ("oidc_issuers",)
