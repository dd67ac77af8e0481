"""`headrace keys`: API keys, made, listed, rotated and revoked through the gateway."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Final, TypeVar

import typer
from pydantic import ValidationError

from headrace_cli.client import GatewayClient, connect
from headrace_cli.errors import GivenError
from headrace_cli.options import DEFAULT_GATEWAY, Format, Gateway, Output
from headrace_cli.printing import Column, Shape, age, note, plain, render_list, render_value, say
from headrace_contract.api import KeyCreated, KeyRequest, KeyRotationRequest, KeyView, Scope

T = TypeVar("T")


class ScopeName(StrEnum):
    """The contract's scopes, as options want them."""

    SUBMIT = "submit"
    READ = "read"
    OPERATE = "operate"


app = typer.Typer(help="Create, list, rotate and revoke API keys.", no_args_is_help=True)

Tenant = Annotated[
    str | None,
    typer.Option(help="Tenant of the key; only the platform's own account may name one."),
]
_AGE: Final = re.compile(r"([0-9]{1,5})([smhd])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def shape(now: datetime) -> Shape[KeyView]:
    """Return how keys are listed at a time; never a key's text."""
    return Shape(
        name=lambda key: key.id,
        columns=(
            Column("ID", lambda key: key.id),
            Column("NAME", lambda key: key.name),
            Column("TENANT", lambda key: key.tenant),
            Column("SCOPES", lambda key: ",".join(key.scopes)),
            Column("STATE", lambda key: state(key, now)),
            Column("EXPIRES", lambda key: expiry(key, now)),
            Column("LAST USED", lambda key: last_use(key, now)),
            Column("AGE", lambda key: age(key.created_at, now)),
            Column("PREFIX", lambda key: key.prefix, wide=True),
            Column("BY", lambda key: key.created_by, wide=True),
        ),
    )


def state(key: KeyView, now: datetime) -> str:
    if key.revoked_at:
        return "revoked"
    return "expired" if key.expires_at and key.expires_at <= now else "active"


def expiry(key: KeyView, now: datetime) -> str | None:
    """Say in how long a key ends: `in 23h`; nothing for one that is over, or never ends."""
    if state(key, now) != "active" or key.expires_at is None:
        return None
    return f"in {age(now, key.expires_at)}"


def last_use(key: KeyView, now: datetime) -> str | None:
    """Say how long ago a key was last used, to the minute or two."""
    return f"{age(key.last_used_at, now)} ago" if key.last_used_at else None


def seconds(text: str | None, option: str = "--expires-in") -> int | None:
    """Read `90s`, `12h` or `30d`."""
    if text is None:
        return None
    found = _AGE.fullmatch(text)
    if found is None:  # an empty text too: it is a variable that was never set
        msg = f"`{option}` must be a number with s, m, h or d, such as '30d', not '{text}'"
        raise GivenError(msg)
    return int(found[1]) * _SECONDS[found[2]]


def wish(
    name: str, scopes: Sequence[Scope], tenant: str | None, expires_in: str | None
) -> KeyRequest:
    """Put a request together, or say what is wrong with it."""
    try:
        return KeyRequest(
            name=name, scopes=list(scopes), tenant=tenant, expires_in_seconds=seconds(expires_in)
        )
    except ValidationError as exc:
        first = exc.errors(include_input=False, include_url=False)[0]
        msg = f"`{first['loc'][0]}`: {first['msg']}"
        raise GivenError(msg) from exc


def rotation(tenant: str | None, overlap: str) -> KeyRotationRequest:
    """Put a request to rotate together, or say what is wrong with it."""
    try:
        return KeyRotationRequest(tenant=tenant, overlap_seconds=seconds(overlap, "--overlap") or 0)
    except ValidationError as exc:
        first = exc.errors(include_input=False, include_url=False)[0]
        msg = f"`{first['loc'][0]}`: {first['msg']}"
        raise GivenError(msg) from exc


def render_created(created: KeyCreated, fmt: Format) -> str:
    """Show a key's text, the one time: alone on stdout, ready for a variable."""
    if fmt in (Format.JSON, Format.YAML):
        return render_value(plain(created), fmt)
    return created.id if fmt is Format.NAME else created.key


def _ask(gateway: str, question: Callable[[GatewayClient], Awaitable[T]]) -> T:
    async def work() -> T:
        async with connect(gateway) as client:
            return await question(client)

    return asyncio.run(work())


@app.command("create")
def create(  # noqa: PLR0913, PLR0917 -- typer makes an option of each parameter
    name: Annotated[str, typer.Option(help="What the key is for.")],
    scope: Annotated[list[ScopeName], typer.Option(help="May be given again.")],
    tenant: Tenant = None,
    expires_in: Annotated[str | None, typer.Option(help="Lifetime, such as 12h or 30d.")] = None,
    gateway: Gateway = DEFAULT_GATEWAY,
    output: Output = Format.TABLE,
) -> None:
    """Create an API key; its text is printed once and stored nowhere.

    Example: headrace keys create --name ci --scope submit --scope read --expires-in 30d
    """
    asked = wish(name, [each.value for each in scope], tenant, expires_in)
    created = _ask(gateway, lambda client: client.create_key(asked))
    note(f"key/{created.id} created: keep what is printed now, it cannot be shown again")
    say(render_created(created, output))


@app.command("list")
def list_keys(
    tenant: Tenant = None, gateway: Gateway = DEFAULT_GATEWAY, output: Output = Format.TABLE
) -> None:
    """List API keys; their texts are stored nowhere.

    Example: headrace keys list -o wide
    """
    found = _ask(gateway, lambda client: client.keys(tenant))
    say(render_list(found, shape(datetime.now(UTC)), output))


@app.command("rotate")
def rotate(
    key: Annotated[str, typer.Argument(help="Id of the key, as `keys list` shows it.")],
    overlap: Annotated[str, typer.Option(help="How long the old key lives on, or 0s.")] = "24h",
    tenant: Tenant = None,
    gateway: Gateway = DEFAULT_GATEWAY,
    output: Output = Format.TABLE,
) -> None:
    """Create a key like an old one, which ends after the overlap; the new text is printed once.

    Example: headrace keys rotate 0198c0de-... --overlap 24h
    """
    asked = rotation(tenant, overlap)
    created = _ask(gateway, lambda client: client.rotate_key(key, asked))
    note(f"key/{created.id} created: keep what is printed now, it cannot be shown again")
    note(f"key/{key} ends in {overlap}, unless it ends before")
    say(render_created(created, output))


@app.command("revoke")
def revoke(
    key: Annotated[str, typer.Argument(help="Id of the key, as `keys list` shows it.")],
    tenant: Tenant = None,
    gateway: Gateway = DEFAULT_GATEWAY,
) -> None:
    """Revoke an API key; it opens nothing from now on.

    Example: headrace keys revoke 0198c0de-...
    """
    _ask(gateway, lambda client: client.revoke_key(key, tenant))
    say(f"key/{key} revoked")
