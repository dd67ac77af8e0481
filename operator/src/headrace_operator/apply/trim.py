"""What is kept of an object: everything but the record of who owns which field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from headrace_contract.names import FIELD_MANAGER

if TYPE_CHECKING:
    from collections.abc import Mapping

_OUR_COUNT: Final[dict[str, Any]] = {
    "manager": FIELD_MANAGER,
    "operation": "Apply",
    "fieldsV1": {"f:spec": {"f:replicas": {}}},
}


def trim(body: Mapping[str, Any]) -> dict[str, Any]:
    """Drop `managedFields`, which is half of an object; keep whether a count is still ours."""
    metadata = {k: v for k, v in body["metadata"].items() if k != "managedFields"}
    if count_is_ours(body):
        metadata["managedFields"] = [_OUR_COUNT]
    return {**body, "metadata": metadata}


def count_is_ours(body: Mapping[str, Any]) -> bool:
    """Say whether `replicas` would go with the next apply that does not send it."""
    return any(
        one.get("manager") == FIELD_MANAGER
        and one.get("operation") == "Apply"
        and "f:replicas" in (one.get("fieldsV1") or {}).get("f:spec", {})
        for one in body["metadata"].get("managedFields") or ()
    )
