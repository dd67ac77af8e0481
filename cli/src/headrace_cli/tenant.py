"""`headrace tenant`: what a platform team puts into Git for a new tenant."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

import typer
import yaml

from headrace_cli.errors import GivenError
from headrace_cli.printing import say
from headrace_contract.check.parsing import parse
from headrace_contract.names import SYSTEM_NAMESPACE
from headrace_contract.resources.base import API_VERSION, DNS_LABEL_PATTERN
from headrace_contract.resources.kinds import AGENT_TENANT

RBAC: Final = "rbac.authorization.k8s.io"
VIEW: Final = "headrace-view"
EDIT: Final = "headrace-edit"
ADMIN: Final = "headrace-admin"
"""ClusterRoles that the chart installs for people; each holds only what the one before lacks."""

app = typer.Typer(help="Prepare tenants for Git.", no_args_is_help=True)


@app.callback()
def tenant() -> None:
    """Make `onboard` a word of its own, although there is no other yet."""


@dataclass(frozen=True, slots=True)
class Onboarding:
    """A tenant that is to be, its namespaces, and the groups of its people."""

    name: str
    namespaces: tuple[str, ...]
    admin_groups: tuple[str, ...]
    user_groups: tuple[str, ...]


def problems(wanted: Onboarding) -> list[str]:
    """Say what a cluster would refuse, or what would give somebody more than is meant."""
    found = [
        *_label("NAME", wanted.name),
        *_namespaces(wanted.namespaces),
        *_groups("--admin-group", wanted.admin_groups),
        *_groups("--user-group", wanted.user_groups),
    ]
    return found or [f"`{one.path}` {one.message}" for one in parse(AGENT_TENANT, _spec(wanted))[1]]


def _namespaces(names: Sequence[str]) -> Iterator[str]:
    for name, times in Counter(names).items():
        yield from _label("`--namespace`", name)
        if times > 1:
            yield f"`--namespace` must name each namespace once, not '{name}' {times} times"
        if name == SYSTEM_NAMESPACE or name.startswith("kube-"):
            yield f"`--namespace` must be a team's own, and '{name}' belongs to the cluster"


def _groups(option: str, groups: Sequence[str]) -> Iterator[str]:
    for group in groups:
        if not group.strip() or not group.isprintable():
            yield f"`{option}` must be the name of a group, not {group!r}"
        elif group.startswith("system:"):
            yield f"`{option}` must be a group of people, and '{group}' is one of Kubernetes"


def _label(what: str, name: str) -> Iterator[str]:
    if len(name) > 63 or not re.fullmatch(DNS_LABEL_PATTERN, name):  # noqa: PLR2004 -- RFC 1123
        yield (
            f"{what} must be a DNS label (at most 63 of a-z, 0-9 and '-', with no '-' at either"
            f" end), not '{name}'"
        )


def onboard(wanted: Onboarding) -> list[dict[str, Any]]:
    """Return the objects of a tenant in the order in which they can be applied."""
    people = {
        VIEW: (*wanted.admin_groups, *wanted.user_groups),
        EDIT: (*wanted.admin_groups, *wanted.user_groups),
        ADMIN: wanted.admin_groups,
    }
    bindings = [
        _binding(namespace, role, groups)
        for namespace in wanted.namespaces
        for role, groups in people.items()
    ]
    tenant = {
        "apiVersion": API_VERSION,
        "kind": AGENT_TENANT.name,
        "metadata": {"name": wanted.name},
        "spec": _spec(wanted),
    }
    return [*map(_namespace, wanted.namespaces), tenant, *bindings]


def _spec(wanted: Onboarding) -> dict[str, Any]:
    return {"namespaces": list(wanted.namespaces)}


def _namespace(name: str) -> dict[str, Any]:
    # Workers pass it as they are; what else a team runs beside them should, too.
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    metadata = {"name": name, "labels": labels}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


def _binding(namespace: str, role: str, groups: Iterable[str]) -> dict[str, Any]:
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": "RoleBinding",
        "metadata": {"name": role, "namespace": namespace},
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": role},
        "subjects": [
            {"apiGroup": RBAC, "kind": "Group", "name": group} for group in dict.fromkeys(groups)
        ],
    }


def render(objects: Sequence[dict[str, Any]]) -> str:
    """Write a stream of YAML documents."""
    texts = (yaml.safe_dump(one, sort_keys=False, allow_unicode=True) for one in objects)
    return "---\n".join(texts).rstrip()


@app.command("onboard")
def command(
    name: Annotated[str, typer.Argument(help="Name of the tenant.")],
    namespace: Annotated[
        list[str], typer.Option("--namespace", "-n", help="Namespace of the tenant; repeatable.")
    ],
    admin_group: Annotated[
        list[str], typer.Option(help="Group that may also clear its namespaces; repeatable.")
    ],
    user_group: Annotated[
        list[str] | None, typer.Option(help="Group that may edit its pipelines; repeatable.")
    ] = None,
) -> None:
    """Print a tenant, its namespaces and the rights of its people; nothing is asked or applied.

    The operator makes none of these: it may not hand out rights.

    Example: headrace tenant onboard acme -n acme-research --admin-group acme-leads > acme.yaml
    """
    wanted = Onboarding(name, tuple(namespace), tuple(admin_group), tuple(user_group or ()))
    found = problems(wanted)
    if found:
        raise GivenError("\n".join(found))
    say(render(onboard(wanted)))
