"""KEDA from its own manifests: its operator and its metrics adapter, in namespace `keda`."""

import shutil
from functools import partial
from pathlib import Path

from devcluster import archives, cache, golang, places, programs, shell, versions
from devcluster.archives import Image
from devcluster.engine import Engine

_IMAGES = {
    "keda": (programs.KEDA, "ghcr.io/kedacore/keda"),
    "keda-adapter": (programs.KEDA_ADAPTER, "ghcr.io/kedacore/keda-metrics-apiserver"),
}
_IN_NODE = "/kind/keda"
_DEADLINE = "180s"
_DNS_DEADLINE = 60.0


def image_archives() -> list[Path]:
    """Return archives of KEDA's two images, built from source under their published names."""

    def make(folder: Path) -> None:
        for program, (source, name) in _IMAGES.items():
            root = folder / "root"
            (root / "tmp").mkdir(parents=True)
            shutil.copy2(golang.build(source), root / program)
            image = Image(
                names=[f"{name}:{versions.KEDA}"], entrypoint=[f"/{program}"], user="65532:65532"
            )
            archives.write(image, root, folder / f"{program}.tar")
            shutil.rmtree(root)

    folder = cache.once("keda-images", images_key(), make)
    return [folder / f"{program}.tar" for program in _IMAGES]


def images_key() -> str:
    """Return the version and a digest of all that the images are made of."""
    digest = cache.key(programs.KEDA.key, programs.KEDA_ADAPTER.key, Path(archives.__file__))
    return f"{versions.KEDA}-{digest}"


def apply(engine: Engine, nodes: list[str]) -> None:
    """Create everything of KEDA's, once there is DNS: its adapter looks only when it starts."""
    dns = ["get", "service", "kube-dns", "--namespace=kube-system"]
    address = engine.kubectl(*dns, "--output=jsonpath={.spec.clusterIP}")
    for node in nodes:
        ready = partial(_reaches, engine, node, address)
        shell.until(f"node {node} reaches DNS", _DNS_DEADLINE, ready)
    config = golang.module("keda", "github.com/kedacore/keda/v2") / "config"
    engine.run("cp", f"{config}/.", f"{places.CONTROL_PLANE}:{_IN_NODE}")
    kustomization = (places.PACKAGE / "keda.yaml").read_text()
    write = f"mkdir -p {_IN_NODE}/headrace; cat > {_IN_NODE}/headrace/kustomization.yaml"
    engine.inside(
        places.CONTROL_PLANE,
        ["sh", "-euc", write],
        stdin=kustomization.replace("KEDA_VERSION", versions.KEDA),
    )
    engine.kubectl("apply", "--server-side", f"--kustomize={_IN_NODE}/headrace")


def wait(engine: Engine) -> None:
    """Wait until both parts run and the API server reaches the metrics that they serve."""
    for deployment in ("keda-operator", "keda-metrics-apiserver"):
        engine.kubectl(
            "rollout",
            "status",
            "--namespace=keda",
            f"deployment/{deployment}",
            f"--timeout={_DEADLINE}",
        )
    engine.kubectl(
        "wait",
        "--for=condition=Available",
        "apiservice/v1beta1.external.metrics.k8s.io",
        f"--timeout={_DEADLINE}",
    )


def _reaches(engine: Engine, node: str, address: str) -> bool:
    probe = ["exec", node, "timeout", "2", "bash", "-c", f"</dev/tcp/{address}/53"]
    return shell.succeeds([engine.program, *probe], env=engine.env)
