"""The house rules that no linter knows."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
TRACKED = [
    ROOT / name
    for name in subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    if (ROOT / name).is_file()
]
MODULES = [p for p in TRACKED if p.suffix == ".py" and "_pb2" not in p.name]
DRAWERS = {"utils", "util", "helpers", "common", "misc", "manager"}


def test_nothing_under_operator_can_shadow_the_standard_module():
    inside = [p for p in TRACKED if (ROOT / "operator") in p.parents]
    assert not [p for p in inside if p.name == "conftest.py" or p.name.startswith("test_")]
    assert not (ROOT / "operator" / "__init__.py").exists()
    assert not (ROOT / "operator" / "src" / "__init__.py").exists()


def test_no_test_folder_is_called_like_a_standard_module_of_ours():
    assert not [p for p in TRACKED if p.is_relative_to(ROOT / "tests") and "operator" in p.parts]


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_module_fits_in_a_head_and_is_no_drawer(path):
    assert len(path.read_text().splitlines()) <= 300
    assert path.stem not in DRAWERS


@pytest.mark.parametrize(
    "package",
    sorted(p.parent for p in ROOT.glob("*/src/headrace_*/__init__.py")),
    ids=lambda p: p.name,
)
def test_a_package_is_typed_and_imports_nothing_by_itself(package):
    assert (package / "py.typed").exists()
    assert (package / "__init__.py").read_text() == ""
