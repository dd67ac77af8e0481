import pytest
from typer.testing import CliRunner

from cli_gateway import FakeGateway
from headrace_cli.main import app


@pytest.fixture
def gateway(monkeypatch):
    """A gateway that every command finds, and no key of the machine's owner."""
    fake = FakeGateway()
    monkeypatch.delenv("HEADRACE_API_KEY", raising=False)
    for module in ("run", "runs", "keys", "cost"):
        monkeypatch.setattr(f"headrace_cli.{module}.connect", fake.connect)
    return fake


@pytest.fixture
def headrace(monkeypatch):
    """Run a command line; the result has exit_code, stdout and stderr."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")
    return lambda *args, **rest: CliRunner().invoke(app, args, **rest)
