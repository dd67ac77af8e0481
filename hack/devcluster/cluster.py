"""Bring the cluster up, say how it is, and take it down without a trace."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from devcluster import (
    ahead,
    cache,
    firewall,
    golang,
    keda,
    network,
    places,
    programs,
    progress,
    shell,
)
from devcluster import engine as engines
from devcluster.engine import Engine
from devcluster.errors import CommandError, DevclusterError

_READY: Final = places.STATE / "ready"
"""There only when `up` came to its end, so that half a cluster is never taken for a whole one."""

_FIREWALL_IS_OURS: Final = places.STATE / "firewall"
_MODULES: Final = Path("/lib/modules")
_WORKERS: Final = (f"{places.CLUSTER}-worker", f"{places.CLUSTER}-worker2")
_EVALUATION: Final = (_WORKERS[0], "/var/lib/headrace-eval")
"""The node and the folder of the demonstration's database: no volume provisioner is here."""


def up() -> None:
    """Leave a cluster that is up alone; replace one that is not whole by a new one."""
    with cache.lock("cluster"):
        if is_up():
            progress.say(f"The cluster is up; its kubeconfig is {places.KUBECONFIG}.")
            return
        if (broken := engines.recorded()) is not None:
            _delete(broken)
            engines.forget()
        name = engines.find()
        ahead.build(own_nodes=name == engines.OWN, helm=False)
        engine = engines.start(name)
        with progress.step("bringing up the cluster"):
            _create(engine)
        progress.say(f"The cluster is up; its kubeconfig is {places.KUBECONFIG}.")


def is_up() -> bool:
    """Say whether a whole cluster of this checkout answers."""
    engine = engines.recorded()
    if engine is None or not _READY.exists():
        return False
    try:
        engine.kubectl("get", "--raw=/readyz")
    except CommandError:
        return False
    return True


def down() -> None:
    """Remove the cluster, its network and our own engine's storage; what was built is kept."""
    with cache.lock("cluster"):
        engine = engines.recorded()
        if engine is None:
            progress.say("No cluster is up.")
            return
        with progress.step("taking down the cluster"):
            _delete(engine)
            if engine.own:
                _tidy_machine(engine)
            engines.forget()
            shutil.rmtree(places.STATE)


def _tidy_machine(engine: Engine) -> None:
    """Remove what our own engine needed outside its folders."""
    shell.succeeds([engine.program, "network", "rm", "kind"], env=engine.env)
    if _FIREWALL_IS_OURS.exists():
        firewall.remove_chains()
    if _MODULES.is_dir() and not any(_MODULES.iterdir()):
        _MODULES.rmdir()


def describe() -> str:
    """Return the nodes and KEDA's pods, as kubectl shows them."""
    engine = _running()
    nodes = engine.kubectl("get", "nodes", "--label-columns=headrace.dev/spot")
    pods = engine.kubectl("get", "pods", "--namespace=keda")
    return f"engine: {engine.name}\nkubeconfig: {places.KUBECONFIG}\n\n{nodes}\n{pods}"


def load(archives: list[Path]) -> None:
    """Put the images of these archives onto the workers, where all pods of ours run."""
    _load(_running(), archives)


def _running() -> Engine:
    engine = engines.recorded()
    if engine is None or not is_up():
        message = "no cluster is up; `uv run hack/devcluster up` brings one up"
        raise DevclusterError(message)
    return engine


def _create(engine: Engine) -> None:
    config = (places.PACKAGE / "kind.yaml").read_text()
    if engine.own:
        config = config.replace("networking:\n", "networking:\n  disableDefaultCNI: true\n")
        _MODULES.mkdir(exist_ok=True)  # kind mounts it, and a small machine may have none
        if not firewall.has_chains():
            _FIREWALL_IS_OURS.touch()
    with progress.step("kind: creating one control plane and two workers"):
        _kind(
            engine,
            "create",
            "cluster",
            f"--image={engine.node_image}",
            f"--kubeconfig={places.KUBECONFIG}",
            "--config=-",
            stdin=config,
        )
    with ThreadPoolExecutor() as pool:
        loading = pool.submit(_load_keda, engine)
        with progress.step("waiting for the network, DNS and the nodes"):
            _wait_for_nodes(engine)
        loading.result()
    with progress.step("installing KEDA"):
        keda.apply(
            engine,
            engine.kubectl("get", "nodes", "--output=jsonpath={.items[*].metadata.name}").split(),
        )
        keda.wait(engine)
    _link_programs()
    _READY.touch()


def _link_programs() -> None:
    """Put kubectl and kind, as far as we built them, where a person finds them."""
    folder = places.STATE / "bin"
    folder.mkdir(exist_ok=True)
    for name, program in {"kubectl": programs.KUBE, "kind": programs.KIND}.items():
        link = folder / name
        link.unlink(missing_ok=True)
        if golang.is_built(program):
            link.symlink_to(golang.build(program))


def _load_keda(engine: Engine) -> None:
    if engine.own:
        _load(engine, keda.image_archives())


def _wait_for_nodes(engine: Engine) -> None:
    if engine.own:
        network.connect(engine)
    engine.kubectl("wait", "--for=condition=Ready", "nodes", "--all", "--timeout=120s")
    node, folder = _EVALUATION
    engine.inside(node, ["install", "-d", "-m", "0700", "-o", "65532", "-g", "65532", folder])
    engine.kubectl(
        "rollout", "status", "--namespace=kube-system", "deployment/coredns", "--timeout=120s"
    )


def _load(engine: Engine, archives: list[Path]) -> None:
    _kind(engine, "load", "image-archive", *archives, f"--nodes={','.join(_WORKERS)}")


def _kind(engine: Engine, *arguments: str | Path, stdin: str | None = None) -> str:
    command = [golang.build(programs.KIND), *arguments, f"--name={places.CLUSTER}"]
    return shell.run(command, env=engine.env, stdin=stdin)


def _delete(engine: Engine) -> None:
    _READY.unlink(missing_ok=True)
    shutil.rmtree(places.STATE / "loaded", ignore_errors=True)
    _kind(engine, "delete", "cluster", f"--kubeconfig={places.KUBECONFIG}")
