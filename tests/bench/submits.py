"""Starts `submitter.py`, and reads what came of it."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Submitted:
    """The ids in the order of the numbers, and what it took."""

    ids: Sequence[str]
    seconds: float
    client_cpu: float

    @property
    def rate(self) -> float:
        return len(self.ids) / self.seconds


def submit(folder: Path, **asked: Any) -> Submitted:
    """Run it to its end; see `submitter.Asked` for what can be asked."""
    out = folder / "submitted.json"
    script = Path(__file__).with_name("submitter.py")
    words = [sys.executable, str(script), json.dumps({**asked, "out": str(out)})]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    found = json.loads(out.read_text())
    return Submitted(found["ids"], found["seconds"], found["cpu"])
