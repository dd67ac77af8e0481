"""Where webhooks may go is read at start, and what cannot work is refused then."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from pydantic import SecretStr, ValidationError

from certificates import Authority
from headrace_gateway.settings import Settings


def settings():
    return Settings(ledger_url=SecretStr("postgresql://"))


def test_public_addresses_at_two_ports_unless_it_is_said():
    assert settings().webhook_ports == {443, 8443}
    assert settings().webhook_cidrs == settings().node_cidrs == ()


def test_ranges_and_ports_are_read_from_the_environment(monkeypatch):
    monkeypatch.setenv("HEADRACE_WEBHOOK_CIDRS", "10.20.0.0/16, fd00::/8")
    monkeypatch.setenv("HEADRACE_WEBHOOK_PORTS", "443,9443")
    monkeypatch.setenv("HEADRACE_NODE_CIDRS", "8.8.0.0/16")
    read = settings()
    assert read.webhook_cidrs == (ip_network("10.20.0.0/16"), ip_network("fd00::/8"))
    assert read.webhook_ports == {443, 9443}
    assert read.node_cidrs == (ip_network("8.8.0.0/16"),)


def test_certificates_are_looked_at(monkeypatch, tmp_path):
    text = Authority(tmp_path).pair.certificate.read_text()
    monkeypatch.setenv("HEADRACE_WEBHOOK_CA", text)
    assert settings().webhook_ca == text


WRONG = {
    "a range that is none": ("webhook_cidrs", "10.20.0.1/16"),
    "a port that is none": ("webhook_ports", "443,70000"),
    "a word for a port": ("webhook_ports", "https"),
    "a file for certificates": ("webhook_ca", "/etc/ssl/corp.pem"),
    "broken certificates": (
        "webhook_ca",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
    ),
}


@pytest.mark.parametrize(("name", "value"), WRONG.values(), ids=WRONG)
def test_what_cannot_work_is_refused_at_start(name, value, monkeypatch):
    monkeypatch.setenv(f"HEADRACE_{name}".upper(), value)
    with pytest.raises(ValidationError) as refused:
        settings()
    assert refused.value.errors()[0]["loc"][0] == name
