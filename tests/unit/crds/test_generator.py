"""The generator: what cannot be said in a custom resource stops it."""

from __future__ import annotations

from typing import Annotated

import pytest
from pydantic import Field

from crdgen.structural import SchemaRefusedError, structural
from headrace_contract.resources.base import DnsLabel, Spec, as_set


class WithFloat(Spec):
    ratio: float = 0.5
    """A float."""


class WithTuple(Spec):
    pair: tuple[DnsLabel, DnsLabel]
    """A tuple."""


class WithPythonSet(Spec):
    names: set[DnsLabel]
    """A set."""


class WithUnion(Spec):
    either: DnsLabel | int
    """A union."""


class WithoutLength(Spec):
    name: str
    """A string of any length."""


class WithoutMinimum(Spec):
    count: int
    """A number of any size."""


class WithoutListType(Spec):
    names: Annotated[list[DnsLabel], Field(max_length=3)]
    """A list that says nothing about merges."""


class WithoutMaxItems(Spec):
    names: Annotated[list[DnsLabel], Field(json_schema_extra=as_set())]
    """A list of any length."""


class WithoutSentence(Spec):
    name: DnsLabel


class WithAnyMap(Spec):
    labels: dict[str, str]
    """A map of any size."""


class WithItself(Spec):
    inner: WithItself | None = None
    """The same again."""


REFUSED = {
    "a float": (WithFloat, "decimal string"),
    "a tuple": (WithTuple, "use a list"),
    "a set": (WithPythonSet, "as_set"),
    "a union": (WithUnion, "one member for each"),
    "a string of any length": (WithoutLength, "maxLength"),
    "a number of any size": (WithoutMinimum, "minimum"),
    "a list without its type": (WithoutListType, "x-kubernetes-list-type"),
    "a list of any length": (WithoutMaxItems, "maxItems"),
    "a field without a sentence": (WithoutSentence, "WithoutSentence.name"),
    "a map of any size": (WithAnyMap, "maxProperties"),
    "a model that contains itself": (WithItself, "contain itself"),
}


@pytest.mark.parametrize(("model", "words"), REFUSED.values(), ids=REFUSED)
def test_refuses(model, words):
    with pytest.raises(SchemaRefusedError, match=words):
        structural(model)


class Inner(Spec):
    """What every inner object is."""

    size: Annotated[int, Field(ge=1, le=9)] = 4
    """How large it is."""


class Outer(Spec):
    """What the outer object is."""

    inner: Inner = Field(default_factory=Inner)
    """What this inner object is for."""
    maybe: Inner | None = None
    """What may be absent."""


def test_optional_is_told_by_absence():
    schema = structural(Outer)
    assert "default" not in schema["properties"]["maybe"]
    assert "required" not in schema


def test_what_a_field_is_for_wins_over_what_its_type_is():
    assert (
        structural(Outer)["properties"]["inner"]["description"] == "What this inner object is for."
    )


def test_a_nested_default_is_whole():
    assert structural(Outer)["properties"]["inner"]["default"] == {"size": 4}
