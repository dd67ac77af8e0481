"""One pass over one key; what escapes is logged with its key, and due again later."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from headrace_operator.errors import GoneError, PermanentError, ReconcileError, TransientError
from headrace_operator.model.resource import PIPELINES, PROVIDERS, TENANTS
from headrace_operator.reconcile.hear import catch_up
from headrace_operator.reconcile.passes import Pass
from headrace_operator.reconcile.pipeline import reconcile_pipeline
from headrace_operator.reconcile.platform import reconcile_provider, reconcile_tenant
from headrace_operator.reconcile.tell import sooner

if TYPE_CHECKING:
    from headrace_operator.model.resource import Key
    from headrace_operator.reconcile.lead import Leadership
    from headrace_operator.reconcile.world import World

log = logging.getLogger(__name__)
MENDED_BY_A_PERSON: Final = timedelta(seconds=60)

RECONCILE: Final = {
    PIPELINES.kind: reconcile_pipeline,
    TENANTS.kind: reconcile_tenant,
    PROVIDERS.kind: reconcile_provider,
}


async def turn(world: World, leadership: Leadership) -> None:
    """Wait for a due key and make its pass, as long as we are the operator."""
    async with world.queue.take() as key:
        await leadership.wait()
        with world.metrics.passes.labels(key.kind).time():
            done = await _guarded(key, world)
        catch_up(key, world)
        after = sooner(done.after, _retry(key, done.failure, world))
        if after is not None:
            world.queue.again(key, after)


async def _guarded(key: Key, world: World) -> Pass:
    try:
        return await RECONCILE[key.kind](key, world)
    except ReconcileError as exc:
        return Pass(failure=exc)
    except GoneError as exc:
        return Pass(failure=TransientError(str(exc)))
    except Exception as exc:
        # One poisoned object must never stop the others.
        log.exception("A pass failed in a way that nobody foresaw.", extra=fields(key))
        return Pass(failure=TransientError(type(exc).__name__))


def _retry(key: Key, failure: ReconcileError | None, world: World) -> timedelta | None:
    if failure is None:
        world.queue.succeeded(key)
        return None
    world.metrics.failures.labels(key.kind, failure.reason.value).inc()
    extra = {**fields(key), "reason": failure.reason.value, "told": str(failure)}
    if isinstance(failure, PermanentError):
        log.warning("A pass failed; a person must act.", extra=extra)
        return MENDED_BY_A_PERSON
    log.info("A pass failed; it is made again.", extra=extra)
    wait = world.queue.failed(key)
    asked = failure.retry_after if isinstance(failure, TransientError) else None
    return timedelta(seconds=max(wait, asked or 0.0))


def fields(key: Key) -> dict[str, str | None]:
    """Name a key in the fields of a log line."""
    return {"kind": key.kind, "namespace": key.namespace, "object": key.name}
