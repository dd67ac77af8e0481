"""Write the gateway's gRPC stubs from `gateway/proto/`; a test proves that they match it."""

from __future__ import annotations

import re
import sys
from importlib.resources import files
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "headrace_gateway"


def render(target: Path) -> None:
    """Generate messages, their types and the service into a folder."""
    arguments = [
        "protoc",
        f"--proto_path={ROOT / 'gateway' / 'proto'}",
        f"--proto_path={files('grpc_tools') / '_proto'}",
        f"--python_out={target}",
        f"--pyi_out={target}",
        f"--grpc_python_out={target}",
        "externalscaler.proto",
    ]
    if protoc.main(arguments) != 0:
        sys.exit("protoc refused gateway/proto/externalscaler.proto")
    service = target / "externalscaler_pb2_grpc.py"
    # protoc writes an import of a top-level module; ours lives in a package.
    text = re.sub(
        r"^import externalscaler_pb2 as",
        f"from {PACKAGE} import externalscaler_pb2 as",
        service.read_text(),
        flags=re.MULTILINE,
    )
    service.write_text(text)
    for file in target.glob("externalscaler_pb2*.py*"):
        file.write_text(f"# mypy: ignore-errors\n{file.read_text()}")


if __name__ == "__main__":
    render(ROOT / "gateway" / "src" / PACKAGE)
