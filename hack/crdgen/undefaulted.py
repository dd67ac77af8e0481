"""Defaults that the API server must not fill in, since a tenant may give the value instead."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from crdgen.structural import structural


def undefaulted(schema: dict[str, Any], fields: type[BaseModel]) -> dict[str, Any]:
    """Return a schema without the `default` of every field that `fields` has a place for."""
    return _without(schema, structural(fields))


def _without(schema: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    members = dict(schema["properties"])
    for name, there in other["properties"].items():
        member = members[name]
        if "properties" not in there:
            members[name] = {key: value for key, value in member.items() if key != "default"}
        elif "items" in member:
            members[name] = {**member, "items": _without(member["items"], there)}
        else:
            members[name] = _without(member, there)
    kept = {**schema, "properties": members}
    if isinstance(schema.get("default"), dict):
        kept["default"] = _trimmed(schema["default"], other)
    return kept


def _trimmed(default: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Take the same fields out of a default of the whole, as deep as it goes."""
    kept = {}
    for name, value in default.items():
        there = other["properties"].get(name)
        if there is None:
            kept[name] = value
        elif "properties" in there:
            kept[name] = _trimmed(value, there)
    return kept
