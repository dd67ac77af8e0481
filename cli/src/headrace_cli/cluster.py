"""The API server as `doctor` asks it: which resources it has. The one module with its client."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from kubernetes.aio import client, config
from kubernetes.aio.client.exceptions import ApiException

from headrace_cli.doctor import Resources
from headrace_cli.errors import LocalError

_MISSING = 404


def kubeconfigs(environ: Mapping[str, str]) -> list[Path]:
    """Return where kubectl would look."""
    given = environ.get("KUBECONFIG")
    if not given:
        return [Path.home() / ".kube" / "config"]
    return [Path(each) for each in given.split(os.pathsep) if each]


@asynccontextmanager
async def resources_of() -> AsyncIterator[Resources | None]:
    """Connect as kubectl would; None where no kubeconfig is."""
    if not any(path.is_file() for path in kubeconfigs(os.environ)):
        yield None
        return
    try:
        await config.load_kube_config()
    except config.ConfigException as exc:
        msg = f"the kubeconfig cannot be used: {exc}"
        raise LocalError(msg) from exc
    async with client.ApiClient() as api:

        async def names(group_version: str) -> frozenset[str] | None:
            group, _, version = group_version.partition("/")
            try:
                found = await client.CustomObjectsApi(api).get_api_resources(group, version)
            except ApiException as exc:
                if exc.status == _MISSING:
                    return None
                msg = f"the API server refused: {exc.status} {exc.reason}"
                raise LocalError(msg) from exc
            except OSError as exc:
                msg = f"the API server cannot be reached: {type(exc).__name__}"
                raise LocalError(msg) from exc
            return frozenset(one.name for one in found.resources)

        yield names
