"""What every resource model is built on: strictness, shared field types, conditions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

GROUP: Final = "headrace.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"

DURATION_PATTERN: Final = r"^([0-9]{1,6}h)?([0-9]{1,6}m)?([0-9]{1,6}s)?$"
DNS_LABEL_PATTERN: Final = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
STEP_NAME_PATTERN: Final = r"^[a-z][a-z0-9_]*$"
MONEY_PATTERN: Final = r"^[0-9]{1,9}(\.[0-9]{1,9})?$"

# What CEL's `duration()` reads, without fractions; it knows no days, so seven days are 168h.
Duration = Annotated[str, StringConstraints(pattern=DURATION_PATTERN, min_length=2, max_length=24)]
DnsLabel = Annotated[str, StringConstraints(pattern=DNS_LABEL_PATTERN, min_length=1, max_length=63)]
# Step names are variables of templates (`steps.outline.output`), hence no dash.
StepName = Annotated[str, StringConstraints(pattern=STEP_NAME_PATTERN, min_length=1, max_length=40)]
Money = Annotated[str, StringConstraints(pattern=MONEY_PATTERN, min_length=1, max_length=19)]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$", min_length=3, max_length=3)]
ModelClass = Annotated[
    str, StringConstraints(pattern=DNS_LABEL_PATTERN, min_length=1, max_length=40)
]
ModelName = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Cidr = Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F:.]{2,45}/[0-9]{1,3}$", max_length=49)]
SecretKey = Annotated[str, StringConstraints(pattern=r"^[-._a-zA-Z0-9]+$", max_length=253)]
Port = Annotated[int, Field(ge=1, le=65535)]

# A JSON Schema of the user's, kept as it was written.
JsonSchema = Annotated[
    Mapping[str, Any], Field(json_schema_extra={"x-kubernetes-preserve-unknown-fields": True})
]
StopPolicy = Literal["None", "Hold", "HoldAndDrain"]

_PARTS: Final = re.compile(r"([0-9]+)([hms])")
_SECONDS: Final = {"h": 3600, "m": 60, "s": 1}


def parse_duration(text: str) -> timedelta:
    """Read `1h30m`, `90s`; raise ValueError for anything that the pattern refuses."""
    if not text or not re.fullmatch(DURATION_PATTERN, text):
        msg = f"must be a duration such as '90s' or '1h30m', not '{text}'"
        raise ValueError(msg)
    return timedelta(seconds=sum(int(n) * _SECONDS[unit] for n, unit in _PARTS.findall(text)))


def listed_by(*keys: str) -> dict[str, Any]:
    """Make a list that merges by these keys under server-side apply."""
    return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(keys)}


def as_set() -> dict[str, Any]:
    return {"x-kubernetes-list-type": "set"}


def atomic() -> dict[str, Any]:
    return {"x-kubernetes-list-type": "atomic"}


def rule(expression: str, message: str) -> dict[str, str]:
    """State one CEL rule (core CEL only, so that it can be tested offline) and its message."""
    return {"rule": expression, "message": message}


def rules(*each: dict[str, str]) -> dict[str, Any]:
    return {"x-kubernetes-validations": list(each)}


# A time that must not be nothing: a step that may take 0s can never run.
PositiveDuration = Annotated[
    Duration,
    Field(
        json_schema_extra=rules(
            rule("duration(self) > duration('0s')", "the duration must be longer than 0s")
        )
    ),
]


class Spec(BaseModel):
    """Base of every resource model: frozen, and strict about spelling and types."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        use_attribute_docstrings=True,
        ser_json_inf_nan="constants",
    )


class Reference(Spec):
    """A name of an object that is cluster-scoped, or in the namespace that the field says."""

    name: DnsLabel
    """Name of the object."""


class Condition(Spec):
    """One aspect of the observed state, as `metav1.Condition`."""

    type: Annotated[str, StringConstraints(min_length=1, max_length=63)]
    """Type of the condition, an adjective or past participle such as 'Ready'."""
    status: Literal["True", "False", "Unknown"]
    """Whether the condition holds."""
    reason: Annotated[
        str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9]*$", min_length=1, max_length=128)
    ]
    """One CamelCase word from the documented list of reasons."""
    message: Annotated[str, StringConstraints(max_length=2048)]
    """What a person should know, and what they can do."""
    last_transition_time: Annotated[
        str, StringConstraints(max_length=40), Field(json_schema_extra={"format": "date-time"})
    ]
    """When `status` last changed."""
    observed_generation: Annotated[int, Field(ge=0)]
    """Generation of the object that this condition was computed from."""


Conditions = Annotated[list[Condition], Field(max_length=16, json_schema_extra=listed_by("type"))]


class Status(Spec):
    """What every kind reports."""

    observed_generation: Annotated[int, Field(ge=-1)] = -1
    """Generation that this status speaks of; -1 until the operator has seen the object."""
    conditions: Conditions = Field(default_factory=list)
    """The observed state, one aspect each."""
