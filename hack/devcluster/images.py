"""Build our four images and the example's, each from its Dockerfile, and load them on the nodes."""

import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from devcluster import cache, cluster, layout, places, progress, shell, workshop
from devcluster.errors import CommandError
from devcluster.workshop import Workshop

_LABEL: Final = "dev.headrace.sources"
_BUILDS_AT_ONCE: Final = 2
_SHARED: Final = ("pyproject.toml", "uv.lock", ".dockerignore")


@dataclass(frozen=True, slots=True)
class Part:
    """One image: its name, the folder with its Dockerfile, and the members that are in it."""

    name: str
    folder: str
    members: tuple[str, ...] = ()
    on: "Part | None" = None
    """The image of ours that this one is built on; it then is built from its own folder alone."""

    @property
    def image(self) -> str:
        """Return the name under which the chart's values for the devcluster find it."""
        return f"localhost/headrace/{self.name}:dev"

    @property
    def context(self) -> Path:
        """Return the folder that the Dockerfile copies from."""
        return places.ROOT / self.folder if self.on else places.ROOT

    def key(self, base: str) -> str:
        """Return a digest of all that the image is made of."""
        if self.on:
            return cache.key(self.on.key(base), self.context)
        files = (*_SHARED, f"{self.folder}/Dockerfile")
        sources = (f"{member}/{what}" for member in self.members for what in _OF_MEMBER)
        paths = (places.ROOT / path for path in (*files, *sources))
        return cache.key(base, *(path for path in paths if path.exists()))


_OF_MEMBER: Final = ("pyproject.toml", "src")
_WORKER: Final = Part("worker", "worker-image", ("contract", "worker-image"))
PARTS: Final = (
    Part("operator", "operator", ("contract", "ledger", "operator")),
    Part("gateway", "gateway", ("contract", "ledger", "gateway")),
    _WORKER,
    Part("example-research", "examples/research", on=_WORKER),
    Part("tools", "cli", ("contract", "ledger", "operator", "gateway", "worker-image", "cli")),
)


def build_and_load(names: list[str]) -> None:
    """Build what has changed of the named parts (of all, if none is named), then load it."""
    parts = [part for part in PARTS if not names or part.name in names]
    with cache.lock("images"):
        shop = workshop.open_workshop()
        keys = {part: part.key(shop.base_key) for part in parts}
        stale = [part for part in parts if _built(shop, part) != keys[part]]
        for wave in ([p for p in stale if not p.on], [p for p in stale if p.on]):
            with ThreadPoolExecutor(_BUILDS_AT_ONCE) as pool:
                for _ in pool.map(lambda part: _build(shop, part, keys[part]), wave):
                    pass  # asking for each result raises what went wrong
        if cluster.is_up():
            (places.STATE / "loaded").mkdir(exist_ok=True)
            _load(shop, {part: key for part, key in keys.items() if _loaded(part) != key})


def _built(shop: Workshop, part: Part) -> str:
    template = f'{{{{index .Config.Labels "{_LABEL}"}}}}'
    look = [shop.program, "image", "inspect", "--format", template, part.image]
    return shell.output(look, env=shop.env).strip() if shell.succeeds(look, env=shop.env) else ""


def _build(shop: Workshop, part: Part, key: str) -> None:
    dockerfile = places.ROOT / part.folder / "Dockerfile"
    arguments = [f"--label={_LABEL}={key}", f"--tag={part.image}", f"--file={dockerfile}"]
    with progress.step(f"building {part.image}"):
        shell.run([shop.program, "build", *shop.options, *arguments, part.context], env=shop.env)


def _load(shop: Workshop, changed: dict[Part, str]) -> None:
    if not changed:
        return
    title = f"loading {', '.join(part.name for part in changed)} onto the nodes"
    with progress.step(title), tempfile.TemporaryDirectory(dir=places.STATE) as folder:
        archive = Path(folder) / "images.tar"
        if shop.program == "docker":
            names = [part.image for part in changed]
            shell.run(["docker", "save", f"--output={archive}", *names], env=shop.env)
            cluster.load([archive])
        else:
            _load_layers(shop, list(changed), archive)
    for part, key in changed.items():
        _record(part).write_text(key)


def _load_layers(shop: Workshop, parts: list[Part], archive: Path) -> None:
    """Load what the nodes lack; where they lack more than is on record, load everything."""
    folder = places.cache() / "images" / "layout"
    saved = [layout.save(shop, folder, part.image) for part in parts]
    on_nodes = {part: _blobs(part) for part in PARTS}
    known = frozenset[str]().union(*on_nodes.values())
    try:
        cluster.load([layout.pack(folder, saved, known, archive)])
    except CommandError:
        cluster.load([layout.pack(folder, saved, frozenset(), archive)])
    if len(parts) == len(PARTS):
        layout.prune(folder, saved)
    for part, image in zip(parts, saved, strict=True):
        _blob_record(part).write_text("\n".join(sorted(image.blobs)))


def _record(part: Part) -> Path:
    """Return the file that says what the nodes have; it goes when the cluster goes."""
    return places.STATE / "loaded" / part.name


def _loaded(part: Part) -> str:
    return _record(part).read_text() if _record(part).exists() else ""


def _blob_record(part: Part) -> Path:
    return _record(part).with_suffix(".blobs")


def _blobs(part: Part) -> frozenset[str]:
    record = _blob_record(part)
    return frozenset(record.read_text().split()) if record.exists() else frozenset()
