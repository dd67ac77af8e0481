"""`headrace version`."""

from __future__ import annotations

from importlib.metadata import version

from headrace_cli.options import Format, Output
from headrace_cli.printing import render_value, say
from headrace_contract.compiled import PROTOCOL_VERSION
from headrace_contract.resources.base import API_VERSION


def versions() -> dict[str, str]:
    """Say what this client is, and what it speaks."""
    return {
        "client": version("headrace-cli"),
        "apiVersion": API_VERSION,
        "workerProtocol": str(PROTOCOL_VERSION),
    }


def command(output: Output = Format.TABLE) -> None:
    """Print the version of this client.

    Example: headrace version -o json
    """
    found = versions()
    if output in (Format.JSON, Format.YAML):
        say(render_value(found, output))
    else:
        say(f"headrace {found['client']} ({found['apiVersion']})")
