from __future__ import annotations

from pathlib import Path

from render_grpc import ROOT, render

PACKAGE = ROOT / "gateway" / "src" / "headrace_gateway"


def test_the_stubs_are_what_the_proto_says(tmp_path: Path):
    render(tmp_path)
    made = {file.name: file.read_text() for file in tmp_path.iterdir()}
    kept = {file.name: file.read_text() for file in PACKAGE.glob("externalscaler_pb2*")}
    assert made == kept
