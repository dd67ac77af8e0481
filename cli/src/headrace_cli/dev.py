"""`headrace dev`: a pipeline on this machine, in one process, without a cluster."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Annotated, Final

import typer
from pydantic import SecretStr
from rich.console import Console

from headrace_cli.inputs import read_input
from headrace_cli.live import show_for
from headrace_cli.local.aside import aside
from headrace_cli.local.session import Wish, develop
from headrace_cli.trouble import ledger_trouble

KEPT: Final = Path(".headrace/dev")
PROVIDER_KEY: Final = "HEADRACE_PROVIDER_KEY"


def command(  # noqa: PLR0913, PLR0917 -- typer makes an option of each parameter
    path: Annotated[Path, typer.Argument(help="Folder or file with the pipeline.")],
    given: Annotated[
        str | None, typer.Option("--input", help="Input: JSON, '@file' or '-' for stdin.")
    ] = None,
    pipeline: Annotated[
        str | None, typer.Option(help="Which pipeline, where there are several.")
    ] = None,
    provider: Annotated[
        str | None,
        typer.Option(help="Base address of a real model; the mock model answers when absent."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="Model that is asked for every class; the provider's only one if absent."
        ),
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Run again on every save.")] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help=f"Keep the ledger in {KEPT}; else it is thrown away.")
    ] = False,
) -> None:
    """Run a pipeline on this machine: ledger, gateway, worker and mock model in one process.

    The API key of a real provider is read from HEADRACE_PROVIDER_KEY.

    Example: headrace dev examples/research --input '{"topic": "rivers"}'
    """
    key = os.environ.get(PROVIDER_KEY)
    wish = Wish(
        path=path,
        value=read_input(given),
        pipeline=pipeline,
        provider=provider.rstrip("/") if provider else None,
        model=model,
        provider_key=SecretStr(key) if key else None,
        data=KEPT if keep else None,
        watch=watch,
    )
    # A descriptor of its own: what others write to stderr goes through it too, line by line.
    with os.fdopen(os.dup(sys.stderr.fileno()), "w") as stderr, ledger_trouble():
        console = Console(file=stderr)
        with aside(lambda line: console.print(line, markup=False, highlight=False, soft_wrap=True)):
            code = asyncio.run(develop(wish, lambda board: show_for(board, console)))
    raise typer.Exit(code)
