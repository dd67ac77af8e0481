"""All reads of a pass, once; they cost no request."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from headrace_contract.effective import effective
from headrace_contract.resources.agent_pipeline import Backlog
from headrace_operator.model.counted import Counted
from headrace_operator.model.identity import Identity
from headrace_operator.model.parse import (
    judge_pipeline,
    parse_pipeline,
    parse_provider,
    parse_tenant,
)
from headrace_operator.model.resource import PIPELINES, PROVIDERS, TENANTS, Key
from headrace_operator.model.seen import PipelineSeen, ProviderSeen, TenantSeen
from headrace_operator.model.tenancy import Tenant, holder, holdings
from headrace_operator.plan.admit import wanted_providers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from headrace_contract.problem import Problem
    from headrace_contract.resources.agent_pipeline import AgentPipelineSpec
    from headrace_contract.resources.model_provider import ModelProviderSpec
    from headrace_operator.reconcile.cache import Entry
    from headrace_operator.reconcile.world import World


async def judge_ahead(key: Key, world: World) -> None:
    """
    Judge what changed of a pipeline before it is gathered, aside: it may take seconds.

    One at a time, since the parsers of CEL and templates are not known to bear two threads.
    """
    body = world.cache.get(key)
    if body is None or _kept(identity := Identity.of(body), world) is not None:
        return  # and waits for nobody
    spec = parse_pipeline(body)
    if isinstance(spec, list):
        return
    async with world.board.judging:
        found = tuple(await asyncio.to_thread(judge_pipeline, spec))
    world.board.judged[identity.uid] = identity.generation, found


def gather_pipeline(key: Key, world: World) -> PipelineSeen | None:
    """Return what is known of a pipeline; None if it is gone."""
    body = world.cache.get(key)
    if body is None:
        return None
    identity = Identity.of(body)
    own, problems = _judged(identity, body, world)
    tenant = _tenant(own, identity, world)
    force = effective(own, tenant.spec) if own and tenant else None
    spec = force.spec if force else own
    counted = _counted(identity, world)
    return PipelineSeen(
        identity=identity,
        status=body.get("status") or {},
        spec=spec,
        problems=problems,
        tenant=tenant,
        providers=_providers(spec, world),
        keda=world.board.keda,
        backlog=counted.backlog if counted else None,
        caps=counted.caps if counted else (),
        children=tuple(world.cache.children(key)),
        effective=force.given if force else (),
    )


def leaning(seen: PipelineSeen) -> frozenset[Key]:
    """Name the tenant and the providers that count this pipeline as theirs."""
    names = {name for _, name in wanted_providers(seen.spec)} if seen.spec else set()
    leans = {Key(PROVIDERS.kind, None, name) for name in names}
    if seen.tenant is not None:
        leans.add(Key(TENANTS.kind, None, seen.tenant.name))
    return frozenset(leans)


def gather_tenant(key: Key, world: World) -> TenantSeen | None:
    body = world.cache.get(key)
    if body is None:
        return None
    identity, status = Identity.of(body), body.get("status") or {}
    spec = parse_tenant(body)
    if isinstance(spec, list):
        usages = world.board.usages.get(key)
        return TenantSeen(identity, status, None, tuple(spec), usages=usages)
    held, lost = holdings(Tenant(identity, spec), tenants(world))
    return TenantSeen(
        identity=identity,
        status=status,
        spec=spec,
        problems=(),
        held=held,
        lost=lost,
        pipelines=len(pipelines_in(set(held), world)),
        usages=world.board.usages.get(key),
    )


def gather_provider(key: Key, world: World) -> ProviderSeen | None:
    body = world.cache.get(key)
    if body is None:
        return None
    spec = parse_provider(body)
    parsed, problems = (None, tuple(spec)) if isinstance(spec, list) else (spec, ())
    count = sum(1 for leans in world.board.leans.values() if key in leans)
    return ProviderSeen(
        identity=Identity.of(body),
        status=body.get("status") or {},
        spec=parsed,
        problems=problems,
        pipelines=count,
        usages=world.board.usages.get(key),
        learnt=world.board.learnt.get(key, ()),
        cooldown=world.board.cooldowns.get(key.name),
    )


def tenants(world: World) -> list[Tenant]:
    """Return every tenant whose spec parses."""
    found = (_read(entry, world) for _, entry in world.cache.of_kind(TENANTS.kind))
    return [tenant for tenant in found if tenant is not None]


def _read(entry: Entry, world: World) -> Tenant | None:
    """Read a tenant once per version, since every pass over a pipeline asks for all of them."""
    kept = world.board.tenants.get(entry.uid)
    if kept is None or kept[0] != entry.version:
        body = entry.body()
        spec = parse_tenant(body)
        tenant = None if isinstance(spec, list) else Tenant(Identity.of(body), spec)
        kept = entry.version, tenant
        world.board.tenants[entry.uid] = kept
    return kept[1]


def pipelines_in(namespaces: set[str], world: World) -> list[Key]:
    return [key for key, _ in world.cache.of_kind(PIPELINES.kind) if key.namespace in namespaces]


def _judged(
    identity: Identity, body: Mapping[str, Any], world: World
) -> tuple[AgentPipelineSpec | None, tuple[Problem, ...]]:
    spec = parse_pipeline(body)
    if isinstance(spec, list):
        return None, tuple(spec)
    problems = _kept(identity, world)
    if problems is None:  # it has changed again since it was judged ahead
        problems = tuple(judge_pipeline(spec))
        world.board.judged[identity.uid] = identity.generation, problems
    return spec, problems


def _kept(identity: Identity, world: World) -> tuple[Problem, ...] | None:
    """Return what was found in this generation of a pipeline; None if it was not judged."""
    generation, problems = world.board.judged.get(identity.uid, (None, ()))
    return problems if generation == identity.generation else None


def _tenant(spec: AgentPipelineSpec | None, pipeline: Identity, world: World) -> Tenant | None:
    """Find the tenant that holds the namespace; one that is named must be that one."""
    found = holder(pipeline.namespace or "", tenants(world))
    if found is None or spec is None or spec.tenant_ref is None:
        return found
    return found if found.name == spec.tenant_ref.name else None


def _providers(spec: AgentPipelineSpec | None, world: World) -> dict[str, ModelProviderSpec]:
    found: dict[str, ModelProviderSpec] = {}
    for name in {name for _, name in wanted_providers(spec)} if spec else ():
        entry = world.cache.entry(Key(PROVIDERS.kind, None, name))
        parsed = None if entry is None else _offer(entry, world)
        if parsed is not None:
            found[name] = parsed
    return found


def providers(world: World) -> list[tuple[Identity, ModelProviderSpec]]:
    """Return every provider whose spec parses."""
    found = [(entry, _offer(entry, world)) for _, entry in world.cache.of_kind(PROVIDERS.kind)]
    return [(Identity.of(entry.body()), spec) for entry, spec in found if spec is not None]


def _offer(entry: Entry, world: World) -> ModelProviderSpec | None:
    """Read a provider once per version, as a tenant is."""
    kept = world.board.providers.get(entry.uid)
    if kept is None or kept[0] != entry.version:
        spec = parse_provider(entry.body())
        kept = entry.version, None if isinstance(spec, list) else spec
        world.board.providers[entry.uid] = kept
    return kept[1]


def _counted(identity: Identity, world: World) -> Counted | None:
    counts = world.board.counts
    if counts is None:
        return None
    return counts.get((identity.namespace or "", identity.name), Counted(Backlog()))
