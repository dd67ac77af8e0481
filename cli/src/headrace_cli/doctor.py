"""`headrace doctor`: what keeps headrace from working, looked for from outside."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Final

import typer

from headrace_cli.client import GatewayClient, connect
from headrace_cli.errors import CliError
from headrace_cli.options import DEFAULT_GATEWAY, Format, Gateway, Output
from headrace_cli.printing import render_value, say, table
from headrace_contract.resources.base import API_VERSION
from headrace_contract.resources.kinds import KINDS

KEDA: Final = "keda.sh/v1alpha1"
POLICIES: Final = (
    "nobody can ask a cluster whether its network enforces NetworkPolicy: without a plugin that"
    " does, `egress` of pipelines binds HTTP steps alone"
)


class Verdict(StrEnum):
    GOOD = "good"
    BAD = "bad"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    what: str
    verdict: Verdict
    told: str


Resources = Callable[[str], Awaitable[frozenset[str] | None]]
"""Names the resources that an API server has in a group and version; None if it lacks them."""


async def look(client: GatewayClient, resources: Resources | None) -> list[Finding]:
    """Look at everything that can be seen from here."""
    return [await _gateway(client), *await _cluster(resources), _policies()]


async def _gateway(client: GatewayClient) -> Finding:
    try:
        await client.greet()
    except CliError as exc:
        return Finding("gateway", Verdict.BAD, str(exc))
    return Finding("gateway", Verdict.GOOD, f"{client.http.base_url} answers")


async def _cluster(resources: Resources | None) -> list[Finding]:
    if resources is None:
        told = "no kubeconfig was found, so no cluster was asked"
        return [Finding("cluster", Verdict.UNKNOWN, told)]
    try:
        ours, keda = await resources(API_VERSION), await resources(KEDA)
    except CliError as exc:
        return [Finding("cluster", Verdict.BAD, str(exc))]
    missing = [kind.plural for kind in KINDS if kind.plural not in (ours or frozenset())]
    crds = Finding("crds", Verdict.GOOD, f"{API_VERSION} has every kind")
    if missing:
        crds = Finding("crds", Verdict.BAD, f"{API_VERSION} lacks {', '.join(missing)}")
    scaled = Finding("keda", Verdict.GOOD, f"{KEDA} has scaledobjects")
    if "scaledobjects" not in (keda or frozenset()):
        told = "KEDA is not installed: pools stay at their minimum, at least one worker each"
        scaled = Finding("keda", Verdict.BAD, told)
    return [crds, scaled]


def _policies() -> Finding:
    return Finding("network policies", Verdict.UNKNOWN, POLICIES)


def render(findings: list[Finding], fmt: Format) -> str:
    if fmt in (Format.JSON, Format.YAML):
        return render_value([asdict(one) for one in findings], fmt)
    if fmt is Format.NAME:
        return "\n".join(one.what for one in findings)
    return table(("WHAT", "VERDICT", "TOLD"), [(f.what, f.verdict, f.told) for f in findings])


def command(gateway: Gateway = DEFAULT_GATEWAY, output: Output = Format.TABLE) -> None:
    """Look for what keeps headrace from working; the exit code is 1 if something does.

    Example: headrace doctor --gateway http://127.0.0.1:8080
    """
    from headrace_cli.cluster import resources_of  # noqa: PLC0415 -- half a second, only needed here

    async def work() -> list[Finding]:
        async with connect(gateway) as client, resources_of() as resources:
            return await look(client, resources)

    findings = asyncio.run(work())
    say(render(findings, output))
    raise typer.Exit(int(any(one.verdict is Verdict.BAD for one in findings)))
