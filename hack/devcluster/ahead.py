"""Build ahead what is built once per machine, and say first what that is and how long it takes."""

from collections.abc import Callable
from dataclasses import dataclass

from devcluster import cache, golang, keda, node_image, programs, progress
from devcluster.golang import Program


@dataclass(frozen=True, slots=True)
class Job:
    """Something to build, how long it takes on two cores, and whether that is done."""

    title: str
    seconds: int
    is_built: bool
    build: Callable[[], object]


def build(*, own_nodes: bool, helm: bool) -> None:
    """Build what is missing, the longest first, since the rest uses what that compiles."""
    jobs = [_program(programs.KIND)]
    if own_nodes:
        jobs += _for_own_nodes()
    if helm:
        jobs.append(_program(programs.HELM))
    missing = [job for job in jobs if not job.is_built]
    if len(missing) > 1:
        names = ", ".join(job.title for job in missing)
        usual = progress.duration(sum(job.seconds for job in missing))
        progress.say(f"To build once on this machine: {names}; about {usual} on two cores.")
    for number, job in enumerate(missing, 1):
        progress.say(f"[{number} of {len(missing)}] {job.title}")
        job.build()


def _for_own_nodes() -> list[Job]:
    return [
        *(_program(program) for program in node_image.PROGRAMS if program != programs.KIND),
        Job(
            "node image",
            node_image.SECONDS,
            cache.has("node-image", node_image.key()),
            node_image.store,
        ),
        _program(programs.KEDA),
        _program(programs.KEDA_ADAPTER),
        Job("KEDA images", 5, cache.has("keda-images", keda.images_key()), keda.image_archives),
    ]


def _program(program: Program) -> Job:
    built = golang.is_built(program)
    return Job(program.name, program.cold_seconds, built, lambda: golang.build(program))
