"""`headrace eval-db` serves everybody who has a password, and `headrace migrate` finds it done."""

from __future__ import annotations

import signal
import socket

import pytest

from headrace_ledger.client import Ledger

pytestmark = pytest.mark.postgres


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def urls(port):
    def url(part):
        return f"postgresql://headrace_{part}_login:{part}-1@127.0.0.1:{port}/headrace"

    return {
        "HEADRACE_LEDGER_URL": url("owner"),
        "HEADRACE_LEDGER_GATEWAY_URL": url("gateway"),
        "HEADRACE_LEDGER_OPERATOR_URL": url("operator"),
    }


async def test_the_evaluation_server_is_a_whole_ledger(headrace, tmp_path):
    port = free_port()
    environ = urls(port)
    options = ("--data", str(tmp_path / "data"), "--port", str(port), "--host", "0.0.0.0")
    server = headrace("eval-db", *options, **environ)
    server.until(lambda _out, err: "listens" in err)

    migrated = headrace("migrate", **environ)
    assert migrated.end() == 0, migrated.err
    assert "unchanged" in migrated.out

    for role in ("gateway", "operator"):
        ledger = await Ledger.connect(environ[f"HEADRACE_LEDGER_{role.upper()}_URL"], role=role)
        await ledger.check()
        await ledger.close()

    rules = (tmp_path / "data" / "pgdata" / "pg_hba.conf").read_text().splitlines()
    assert rules[-1] == "host all all all scram-sha-256"
    assert (tmp_path / "data" / "passwords.json").stat().st_mode & 0o077 == 0
    assert server.signal(signal.SIGTERM) == 0
    assert "-1@" not in server.out + server.err + migrated.out + migrated.err


def test_migrating_what_is_not_there_is_one_line(headrace):
    program = headrace("migrate", **urls(free_port()))
    assert program.end() == 1
    assert len(program.err.splitlines()) == 1
    assert program.err.startswith("error: the ledger:")
