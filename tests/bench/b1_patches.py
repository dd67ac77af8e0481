"""What a patch does to an object, by its leaves: paths to what is no object; lists are whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

Body = dict[str, Any]
Leaf = tuple[str, ...]
# What the API server writes and nobody owns.
UNOWNED = frozenset(
    {
        ("apiVersion",),
        ("kind",),
        *(
            ("metadata", one)
            for one in (
                "name",
                "namespace",
                "uid",
                "resourceVersion",
                "generation",
                "creationTimestamp",
                "deletionTimestamp",
                "managedFields",
            )
        ),
    }
)


class Refusal(Exception):  # noqa: N818 -- what the API server answers is a refusal
    """An answer that is no success: its status code and its words."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(words)
        self.code = code


def leaves_of(body: Body, path: Leaf = ()) -> Iterator[tuple[Leaf, Any]]:
    """Yield every path to what is no object, and what is there; lists are whole."""
    for key, value in body.items():
        here = (*path, key)
        if here in UNOWNED:
            continue
        if isinstance(value, dict) and value:
            yield from leaves_of(value, here)
        else:
            yield here, value


def part_of(live: Body, sent: Body, subresource: str) -> Body:
    """Take from what was sent what its endpoint writes: the status, or everything else."""
    if subresource == "status":
        return {**live, "status": sent.get("status") or {}}
    kept = {"status": live["status"]} if "status" in live else {}
    return {**{k: v for k, v in sent.items() if k != "status"}, **kept}


def merge_patch(live: Any, patch: Any) -> Any:
    """Merge as RFC 7396 says."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(live) if isinstance(live, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged


def follow_step(body: Body, step: Body) -> None:
    """Do one operation of RFC 6902; raise Refusal where its test fails."""
    *path, last = (one.replace("~1", "/").replace("~0", "~") for one in step["path"].split("/")[1:])
    inner: Any = body
    for key in path:
        inner = inner[int(key)] if isinstance(inner, list) else inner[key]
    listed = isinstance(inner, list)
    place: Any = len(inner) if last == "-" else int(last) if listed else last
    match step["op"]:
        case "test":
            there = inner[place] if listed or place in inner else None
            if there != step.get("value"):
                raise Refusal(422, f"the test of {step['path']} failed")
        case "add" if listed:
            inner.insert(place, step["value"])
        case "add" | "replace":
            inner[place] = step["value"]
        case "remove":
            del inner[place]


def value_at(body: Body, leaf: Leaf) -> Any:
    inner: Any = body
    for key in leaf:
        inner = inner.get(key) if isinstance(inner, dict) else None
    return inner


def put_at(body: Body, leaf: Leaf, value: Any) -> None:
    for key in leaf[:-1]:
        if not isinstance(body.get(key), dict):
            body[key] = {}
        body = body[key]
    body[leaf[-1]] = value


def drop_at(body: Body, leaf: Leaf) -> None:
    for key in leaf[:-1]:
        body = body.get(key) or {}
    body.pop(leaf[-1], None)
