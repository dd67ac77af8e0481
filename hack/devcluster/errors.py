"""
Every way in which the devcluster can fail, and what the caller does about it.

* DevclusterError             one sentence for a person; exit code 1
  + CommandError              a program that we ran failed; its last lines are in the message
  + TooLateError              a condition did not come true before its deadline
  + NotPossibleError          this machine cannot have a cluster; exit code 3, and tests skip
"""

from typing import ClassVar


class DevclusterError(Exception):
    """What went wrong, said so that it can be read without the source."""

    exit_code: ClassVar[int] = 1


class CommandError(DevclusterError):
    """A program that we ran ended with a code other than 0."""


class TooLateError(DevclusterError):
    """A condition did not come true before its deadline."""


class NotPossibleError(DevclusterError):
    """Neither a registry nor root on Debian: no cluster here, and no fault of ours."""

    exit_code = 3
