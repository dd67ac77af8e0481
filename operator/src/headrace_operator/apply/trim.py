"""What is kept of an object: everything but the record of who owns which field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from headrace_contract.names import REPLICAS_MANAGER

if TYPE_CHECKING:
    from collections.abc import Mapping

_COUNT_ALONE: Final[dict[str, Any]] = {"f:spec": {"f:replicas": {}}}


def trim(body: Mapping[str, Any]) -> dict[str, Any]:
    """Drop `managedFields`, which is half of an object; keep the proof of a broken hand-over."""
    metadata = {k: v for k, v in body["metadata"].items() if k != "managedFields"}
    broken = [one for one in body["metadata"].get("managedFields") or () if _too_wide(one)]
    if broken:
        metadata["managedFields"] = broken
    return {**body, "metadata": metadata}


def hand_over_is_due(body: Mapping[str, Any]) -> bool:
    """Say whether the owner of the count still owns more, since its last write never came."""
    return any(_too_wide(one) for one in body["metadata"].get("managedFields") or ())


def _too_wide(entry: Mapping[str, Any]) -> bool:
    return entry.get("manager") == REPLICAS_MANAGER and entry.get("fieldsV1") != _COUNT_ALONE
