"""Options that several commands share: kubectl's words."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

DEFAULT_GATEWAY: Final = "http://127.0.0.1:8080"


class Format(StrEnum):
    """How a value is printed; a table when none is named."""

    TABLE = "table"
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"
    NAME = "name"


Gateway = Annotated[
    str, typer.Option("--gateway", envvar="HEADRACE_GATEWAY_URL", help="Address of the gateway.")
]
Namespace = Annotated[
    str,
    typer.Option("--namespace", "-n", envvar="HEADRACE_NAMESPACE", help="Namespace to look in."),
]
Output = Annotated[Format, typer.Option("--output", "-o", help="How to print what was found.")]
File = Annotated[Path, typer.Option("--filename", "-f", help="YAML file or folder.")]
