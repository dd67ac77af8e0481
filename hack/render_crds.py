"""Write the CRDs and the reference from the models; the same for the same models, byte by byte."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from crdgen import manifest, reference
from headrace_contract.resources.kinds import KINDS

ROOT: Final = Path(__file__).resolve().parents[1]


def rendered() -> Iterator[tuple[str, str]]:
    """Yield the path and text of every generated file."""
    for kind in KINDS:
        name = f"headrace.dev_{kind.plural}.yaml"
        yield f"crds/{name}", manifest.text(kind)
        yield f"charts/headrace/files/crds/{name}", manifest.text(kind)
    yield from reference.pages(KINDS)


def main() -> None:
    """Write what has changed and say what was written."""
    for name, text in rendered():
        path = ROOT / name
        if not path.exists() or path.read_text() != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            print(name)


if __name__ == "__main__":
    main()
