"""A pipeline on this machine: written as the operator would, run, shown, run again."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx2
from pydantic import SecretStr
from watchfiles import Change, awatch

from headrace_cli.board import Board
from headrace_cli.client import connect
from headrace_cli.errors import CliError, GivenError, ManifestError, tell
from headrace_cli.follow import conclude, watched
from headrace_cli.live import Show
from headrace_cli.local.prepare import Places, Prepared, prepare
from headrace_cli.local.provider import only_model
from headrace_cli.manifests import Bundle, Pipeline, load
from headrace_cli.printing import note
from headrace_contract.api import RunView
from headrace_contract.check.data import validate_input
from headrace_ledger.embedded import EmbeddedLedger

if TYPE_CHECKING:
    from headrace_cli.local.stack import Stack

Shows = Callable[[Board], Show]
_NOWHERE: Final = Places(model="http://model.invalid/v1", stand_in="http://model.invalid")
_LISTING_SECONDS: Final = 10.0
_SUFFIXES: Final = (".yaml", ".yml", ".py", ".json")


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for on the command line."""

    path: Path
    value: Any
    pipeline: str | None = None
    provider: str | None = None
    model: str | None = None
    provider_key: SecretStr | None = None
    data: Path | None = None
    watch: bool = False

    @property
    def folder(self) -> Path:
        return self.path if self.path.is_dir() else self.path.parent


def chosen(bundle: Bundle, wish: Wish) -> Pipeline:
    """Return the one pipeline that is meant."""
    if bundle.problems:
        raise ManifestError(bundle.problems)
    found = [one for one in bundle.pipelines if wish.pipeline in (None, one.name)]
    if len(found) == 1:
        return found[0]
    names = ", ".join(one.name for one in bundle.pipelines) or "none"
    what = f"one pipeline named '{wish.pipeline}'" if wish.pipeline else "one pipeline"
    msg = f"{wish.path} must hold {what} (there: {names}); `--pipeline` chooses"
    raise GivenError(msg)


def check_input(prepared: Prepared, value: Any) -> None:
    """Refuse an input before anything is started; the gateway would refuse it too."""
    problems = validate_input(prepared.compiled.input_schema, value)
    if problems:
        told = "\n".join(f"--input: {one.path}: {one.message}" for one in problems)
        raise GivenError(told)


def read(wish: Wish, places: Places, generation: int) -> tuple[Pipeline, Prepared]:
    """Read the files as they are now; raise for everything that is wrong with them."""
    bundle = load(wish.path)
    pipeline = chosen(bundle, wish)
    prepared = prepare(bundle, pipeline, places, generation)
    check_input(prepared, wish.value)
    return pipeline, prepared


@dataclass(frozen=True, slots=True)
class Session:
    """What runs pipelines here, until it is closed."""

    there: Stack
    wish: Wish
    places: Places

    async def run(self, generation: int, shows: Shows) -> RunView:
        """Read the files, write what the operator would write, run it with workers of its own."""
        from headrace_cli.local.workers import environment_of, workers  # noqa: PLC0415 -- see below

        pipeline, prepared = read(self.wish, self.places, generation)
        await put(self.there, prepared)
        pools = {
            pool.name: environment_of(pool, os.environ, self.wish.folder.absolute())
            for pool in pipeline.spec.pools
        }
        show = shows(Board.of([step.name for step in prepared.compiled.steps]))
        async with (
            workers(self.there, prepared.compiled, pools),
            connect(self.there.gateway_url, self.there.key) as client,
        ):
            accepted = await client.submit(pipeline.namespace, pipeline.name, self.wish.value)
            return await watched(client, (pipeline.namespace, pipeline.name, accepted.id), show)


@asynccontextmanager
async def session(wish: Wish) -> AsyncIterator[Session]:
    """Start ledger, gateway and mock model; whatever is wrong with the files is told before."""
    _, prepared = read(wish, _NOWHERE, 1)
    model = wish.model
    if wish.provider and not model:
        async with httpx2.AsyncClient(timeout=_LISTING_SECONDS) as http:
            model = await only_model(http, wish.provider, wish.provider_key)
    async with AsyncExitStack() as opened:
        server = EmbeddedLedger(wish.data)
        starting = asyncio.create_task(asyncio.to_thread(server.start))
        opened.push_async_callback(_end, server, starting)
        # PostgreSQL takes about a second: the time in which everything else is imported.
        from headrace_cli.local.stack import stack  # noqa: PLC0415 -- see above
        from headrace_cli.mock_llm import build_mock  # noqa: PLC0415 -- see above
        from headrace_cli.serving import serving  # noqa: PLC0415 -- see above

        mock = await opened.enter_async_context(serving(build_mock()))
        await starting
        tenant = prepared.tenant.tenant
        there = await opened.enter_async_context(stack(tenant, server, wish.provider_key))
        places = Places(
            model=wish.provider or f"{mock}/v1",
            stand_in=mock,
            model_name=model,
            with_key=wish.provider_key is not None,
        )
        yield Session(there, wish, places)


async def _end(server: EmbeddedLedger, starting: asyncio.Task[None]) -> None:
    await asyncio.wait([starting])
    await asyncio.to_thread(server.stop)


async def put(there: Stack, prepared: Prepared) -> None:
    """Write what the operator would have written."""
    await there.ledger.put_tenant(prepared.tenant)
    for provider in prepared.providers:
        await there.ledger.put_provider(provider)
    await there.ledger.put_limits(prepared.limits)
    await there.ledger.put_pipeline(prepared.pipeline)


async def develop(wish: Wish, shows: Shows) -> int:
    """Run the pipeline once, or again on every save; return the exit code of the first run."""
    async with session(wish) as opened:
        code = conclude(await opened.run(1, shows))
        if wish.watch:
            await again_and_again(opened, shows)
        return code


async def again_and_again(opened: Session, shows: Shows) -> None:
    """Run once more whenever a file was saved; what is wrong is told, and waited out."""
    folder = opened.wish.folder
    note(f"watching {folder}: save a file to run again, Ctrl-C to end")
    generation = 1
    async for _ in awatch(folder, watch_filter=_is_source):
        generation += 1
        try:
            conclude(await opened.run(generation, shows))
        except CliError as exc:
            note(tell(exc))


def _is_source(_change: Change, path: str) -> bool:
    return path.endswith(_SUFFIXES)
