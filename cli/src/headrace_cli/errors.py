"""
Every way a command fails, and the exit code that says so.

* CliError                 1  it was asked for and did not happen
  - GatewayUnreachableError   nobody answers, or no longer
  - RefusedError              the gateway said no, and why
  - LocalError                something on this machine is missing or will not start
  - GivenError             2  what was given is wrong: an option, an input
    + ManifestError           a YAML file; every problem with its place
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from headrace_cli.manifests import FileProblem


class CliError(Exception):
    """A failure that is told in its own words, without a traceback."""

    exit_code: ClassVar[int] = 1


class GatewayUnreachableError(CliError):
    pass


class RefusedError(CliError):
    """A problem document of the gateway."""

    def __init__(self, status: int, reason: str, told: str) -> None:
        super().__init__(f"{told} ({reason})")
        self.status = status
        self.reason = reason


class LocalError(CliError):
    pass


class GivenError(CliError):
    exit_code = 2


class ManifestError(GivenError):
    """At least one problem in the files that were given."""

    def __init__(self, problems: Sequence[FileProblem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


def tell(error: CliError) -> str:
    """Return the lines for stderr."""
    return "\n".join(f"error: {line}" for line in str(error).splitlines())
