"""`--input`: JSON as it stands, `@file`, or `-` for stdin."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from headrace_cli.errors import GivenError


def read_input(given: str | None) -> Any:
    """Read the input of a run; an empty object when none is given."""
    if given is None:
        return {}
    text = _text(given)
    try:
        return json.loads(text)
    except ValueError as exc:
        msg = f"`--input` must be JSON, '@file' or '-': {exc}"
        raise GivenError(msg) from exc


def _text(given: str) -> str:
    if given == "-":
        return sys.stdin.read()
    if not given.startswith("@"):
        return given
    try:
        return Path(given[1:]).read_text()
    except OSError as exc:
        msg = f"`--input` must name a file that can be read: {given[1:]}: {exc.strerror}"
        raise GivenError(msg) from exc
