"""Whether an observed object already is what a manifest wants: then nothing is sent."""

from __future__ import annotations

from typing import Any, Final

from headrace_operator.model.quantity import amount

_KEYS: Final = ("name", "uid", "mountPath", "containerPort")


def matches(wanted: object, observed: object) -> bool:
    """Say whether all that is wanted is there; what others added beside it does not matter."""
    if isinstance(wanted, dict):  # plain dicts and lists: an abstract class costs ten times more
        return isinstance(observed, dict) and all(
            matches(value, observed.get(key)) for key, value in wanted.items()
        )
    if isinstance(wanted, list):
        return isinstance(observed, list) and _lists_match(wanted, observed)
    if wanted == "" and observed is None:
        return True  # the API server drops empty strings
    return wanted == observed or _same_quantity(wanted, observed)


def _lists_match(wanted: list[Any], observed: list[Any]) -> bool:
    key = next((key for key in _KEYS if wanted and _keyed(wanted, key)), None)
    if key is None or not _keyed(observed, key):
        # An atomic list is ours as a whole.
        return len(wanted) == len(observed) and all(map(matches, wanted, observed))
    there = {item[key]: item for item in observed}
    return all(matches(item, there.get(item[key])) for item in wanted)


def _keyed(items: list[Any], key: str) -> bool:
    return all(isinstance(item, dict) and key in item for item in items)


def _same_quantity(wanted: object, observed: object) -> bool:
    """Compare '1000m' and '1', which the API server takes for the same."""
    if not isinstance(wanted, str) or not isinstance(observed, str):
        return False
    left = amount(wanted)
    return left is not None and left == amount(observed)
