"""`headrace`, also as `kubectl headrace`: the commands, each loaded when it is called."""

from __future__ import annotations

import importlib
from typing import Any, Final, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

from headrace_cli.errors import CliError, tell
from headrace_cli.printing import note

# name → module and what it is for. A module has `app` (a group) or `command` (one function).
COMMANDS: Final = {
    "dev": ("dev", "Run a pipeline on this machine, without a cluster."),
    "run": ("run", "Submit a run of a pipeline."),
    "runs": ("runs", "List, show, follow and cancel runs."),
    "cost": ("cost", "Say what model calls cost, by tenant, pipeline, step, model or run."),
    "keys": ("keys", "Create, list and revoke API keys."),
    "tenant": ("tenant", "Print what a new tenant needs, ready for Git."),
    "check": ("check", "Check YAML files offline."),
    "plan": ("plan", "Print what the operator would make of a pipeline, offline."),
    "doctor": ("doctor", "Look for what keeps headrace from working."),
    "mock-llm": ("mock_llm", "Serve a mock model that fails on demand."),
    "migrate": ("migrate", "Bring the ledger's schema up to date."),
    "eval-db": ("eval_db", "Serve a PostgreSQL for evaluation; never for production."),
    "version": ("version", "Print the version."),
}


class LazyGroup(TyperGroup):
    """A group that knows its commands by name, and imports the one that is called."""

    def __init__(self, **attrs: Any) -> None:
        super().__init__(**attrs)
        for name, (_, words) in COMMANDS.items():
            self.commands[name] = TyperCommand(name, help=words)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Put the real command in the place of its name."""
        if args[0] in COMMANDS:
            self.commands[args[0]] = load(args[0])
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Tell our own failures in one place, by their words and exit code."""
        try:
            return super().invoke(ctx)
        except CliError as exc:
            _fail(exc)
        except KeyboardInterrupt:
            raise typer.Exit(130) from None


def load(name: str) -> Any:
    """Import the module of a command and return it as the group wants it."""
    module = importlib.import_module(f"headrace_cli.{COMMANDS[name][0]}")
    if hasattr(module, "app"):
        return typer.main.get_command(module.app)
    app = typer.Typer(add_completion=False)
    app.command(name)(module.command)
    return typer.main.get_command(app)


def _fail(error: CliError) -> NoReturn:
    note(tell(error))
    raise typer.Exit(error.exit_code)


app = typer.Typer(
    cls=LazyGroup,
    name="headrace",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Run LLM agent pipelines on durable queues: on a laptop, or on Kubernetes.",
)


@app.callback()
def headrace() -> None:
    """Make `app` a group, whose commands are all loaded by name."""
