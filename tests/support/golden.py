"""Golden files: what was right when a person last looked; UPDATE_GOLDEN=1 rewrites them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import yaml


def check(path: Path, value: Any) -> None:
    """Compare a value with its golden file, or write the file when asked to."""
    text = yaml.safe_dump(value, sort_keys=False, width=100)
    if os.environ.get("UPDATE_GOLDEN") == "1":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert path.exists(), f"{path} is missing: run with UPDATE_GOLDEN=1 and read the diff"
    assert text == path.read_text(encoding="utf-8")
