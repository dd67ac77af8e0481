"""The commands of `uv run hack/devcluster`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from devcluster import ahead, cluster, engine, images, programs, progress, workshop
from devcluster.errors import DevclusterError

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.callback()
def about() -> None:
    """A kind cluster with KEDA for headrace's own tests and demonstrations."""  # noqa: D401 -- typer shows it as the help


@app.command()
def up() -> None:
    """Bring up the cluster with KEDA, unless it is up."""
    cluster.up()


@app.command()
def down() -> None:
    """Take the cluster down without a trace; what was built stays in the cache."""
    cluster.down()


@app.command()
def status() -> None:
    """Show the nodes and KEDA; exit with 1 where no cluster is up."""
    print(cluster.describe())


@app.command()
def load(archives: Annotated[list[Path], typer.Argument(exists=True, dir_okay=False)]) -> None:
    """Load image archives (docker-archive) onto the workers."""
    cluster.load(archives)


@app.command()
def build() -> None:
    """Only build what is built once per machine: programs, images that cannot be pulled, Helm."""
    ahead.build(own_nodes=engine.find() == engine.OWN, helm=True)
    workshop.open_workshop()


@app.command("images")
def build_images(names: Annotated[list[str] | None, typer.Argument()] = None) -> None:
    """Build operator, gateway, worker and tools (or those named), and load what changed."""
    images.build_and_load(names or [])


@app.command("kube-binary")
def kube_binary() -> None:
    """Print the path of `kube` (etcd, kube-apiserver, kubectl …); build it if it is missing."""
    print(programs.kube_binary())


@app.command("helm-binary")
def helm_binary() -> None:
    """Print the path of Helm; build it if it is missing."""
    print(programs.helm_binary())


def main() -> None:
    """Run the command line; say a failure in its own words and exit with its own code."""
    try:
        app()
    except DevclusterError as error:
        progress.say(f"devcluster: {error}")
        sys.exit(error.exit_code)
