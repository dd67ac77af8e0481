from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cli_program import Program

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "research"


@pytest.fixture
def headrace(tmp_path):
    """Start the program; whatever still runs at the end is killed."""
    started = []

    def start(*args, **environ):
        started.append(Program(*args, cwd=tmp_path, **environ))
        return started[-1]

    yield start
    for program in started:
        program.kill()


@pytest.fixture
def example(tmp_path):
    """A copy of the example that may be changed."""
    return Path(shutil.copytree(EXAMPLE, tmp_path / "research"))
