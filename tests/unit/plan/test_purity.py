"""`def` computes, `async def` touches the world: the first word tells."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import headrace_operator

ROOT = Path(headrace_operator.__file__).parent
PURE = sorted(path for stage in ("model", "plan", "status") for path in (ROOT / stage).glob("*.py"))


@pytest.mark.parametrize("path", PURE, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_pure_stage_has_no_async(path):
    tree = ast.parse(path.read_text())
    kinds = (ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith)
    assert not [node for node in ast.walk(tree) if isinstance(node, kinds)]


def test_there_are_pure_stages():
    assert len(PURE) > 15
