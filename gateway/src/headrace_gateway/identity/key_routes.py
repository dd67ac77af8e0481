"""Making, listing, rotating and revoking API keys."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from starlette.responses import Response

from headrace_contract.api import KeyCreated, KeyList, KeyRequest, KeyRotationRequest, KeyView
from headrace_gateway.clock import uuid7
from headrace_gateway.edge.answers import model_answer
from headrace_gateway.edge.body import parse_model, read_body
from headrace_gateway.edge.route import route
from headrace_gateway.errors import BadRequestError, ForbiddenError, InvalidError, NotFoundError
from headrace_gateway.identity.api_keys import make_key
from headrace_gateway.identity.caller import OPERATE
from headrace_ledger.declared import ApiKeyRow
from headrace_ledger.keys import KeyRotation

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import Route

    from headrace_gateway.identity.api_keys import NewKey
    from headrace_gateway.identity.caller import Caller
    from headrace_gateway.world import World


class KeyRoutes:
    """A key is its creator's to give: same tenant, and no more than the creator may do."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[Route]:
        return [
            route("POST", "/v1/keys", self.create),
            route("GET", "/v1/keys", self.list),
            route("POST", "/v1/keys/{id}/rotate", self.rotate),
            route("DELETE", "/v1/keys/{id}", self.revoke),
        ]

    async def create(self, request: Request) -> Response:
        caller = await self._caller(request)
        asked = parse_model(KeyRequest, await read_body(request, self._world.options.body_bytes))
        tenant = tenant_for(caller, asked.tenant)
        refuse_beyond(set(asked.scopes), caller)
        now = self._world.clock.now()
        made = make_key(self._world.chance)
        life = asked.expires_in_seconds
        row = ApiKeyRow(
            tenant=tenant,
            id=str(uuid7(now, self._world.chance)),
            prefix=made.prefix,
            hash=made.hash,
            name=asked.name,
            scopes=tuple(sorted(set(asked.scopes))),
            created_by=caller.subject,
            created_at=now,
            expires_at=None if life is None else now + timedelta(seconds=life),
        )
        if not await self._world.ledger.create_api_key(row):
            message = f"There is no tenant '{tenant}'."
            raise InvalidError(message)
        return shown_once(made, row)

    async def rotate(self, request: Request) -> Response:
        """Make a key with the name, scopes and length of life of another, which ends soon."""
        caller = await self._caller(request)
        body = await read_body(request, self._world.options.body_bytes)
        asked = parse_model(KeyRotationRequest, body)
        tenant, old = tenant_for(caller, asked.tenant), request.path_params["id"]
        if "\x00" in old:
            raise NotFoundError
        made = make_key(self._world.chance)
        wanted = KeyRotation(
            tenant=tenant,
            old=old,
            id=str(uuid7(self._world.clock.now(), self._world.chance)),
            prefix=made.prefix,
            hash=made.hash,
            created_by=caller.subject,
            may=tuple(sorted(caller.scopes)),
            overlap_seconds=asked.overlap_seconds,
        )
        rotated = await self._world.ledger.rotate_api_key(wanted)
        if rotated.name is None or rotated.scopes is None:
            raise NotFoundError
        refuse_beyond(set(rotated.scopes), caller)
        row = ApiKeyRow(
            tenant=tenant,
            id=wanted.id,
            prefix=made.prefix,
            hash=made.hash,
            name=rotated.name,
            scopes=rotated.scopes,
            created_by=caller.subject,
            created_at=rotated.created_at,
            expires_at=rotated.expires_at,
        )
        return shown_once(made, row)

    async def list(self, request: Request) -> Response:
        caller = await self._caller(request)
        tenant = tenant_for(caller, request.query_params.get("tenant"))
        rows = await self._world.ledger.api_keys(tenant)
        return model_answer(KeyList(items=[key_view(row) for row in rows]))

    async def revoke(self, request: Request) -> Response:
        caller = await self._caller(request)
        tenant = tenant_for(caller, request.query_params.get("tenant"))
        name = request.path_params["id"]
        if "\x00" in name or not await self._world.ledger.revoke_api_key(tenant, name):
            raise NotFoundError
        return Response(status_code=204)

    async def _caller(self, request: Request) -> Caller:
        caller = await self._world.identity.authenticate(request.headers)
        caller.need(OPERATE)
        return caller


def refuse_beyond(scopes: set[str], caller: Caller) -> None:
    """Refuse to make a key that may do more than whoever makes it."""
    beyond = sorted(scopes - caller.scopes)
    if beyond:
        message = f"A key may do no more than its creator, who lacks {', '.join(beyond)}."
        raise ForbiddenError(message)


def shown_once(made: NewKey, row: ApiKeyRow) -> Response:
    """Answer with the key's text, which nobody can read again."""
    said = KeyCreated(key=made.text.get_secret_value(), **key_view(row).model_dump())
    return model_answer(said, 201, {"cache-control": "no-store"})


def tenant_for(caller: Caller, named: str | None) -> str:
    """Return whose keys these are; only the platform's own account may name a tenant."""
    if named is not None and "\x00" in named:
        raise NotFoundError
    if caller.platform:
        tenant = named or caller.tenant
        if tenant is None:
            message = "Say whose keys these are: `tenant` is missing."
            raise BadRequestError(message)
        return tenant
    if caller.tenant is None or named not in (None, caller.tenant):
        raise NotFoundError
    return caller.tenant


def key_view(row: ApiKeyRow) -> KeyView:
    return KeyView(
        id=row.id,
        name=row.name,
        tenant=row.tenant,
        prefix=row.prefix,
        scopes=list(row.scopes),
        created_by=row.created_by,
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        last_used_at=row.last_used_at,
    )
