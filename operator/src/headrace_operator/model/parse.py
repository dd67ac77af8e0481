"""From a raw body to a frozen spec; nothing downstream sees a user's dict."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, cast

from headrace_contract.check.parsing import parse
from headrace_contract.check.pipeline import check_pipeline
from headrace_contract.problem import Problem
from headrace_contract.resources.base import DNS_LABEL_PATTERN
from headrace_contract.resources.kinds import AGENT_PIPELINE, AGENT_TENANT, MODEL_PROVIDER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from headrace_contract.resources.agent_pipeline import AgentPipelineSpec
    from headrace_contract.resources.agent_tenant import AgentTenantSpec
    from headrace_contract.resources.kinds import Kind
    from headrace_contract.resources.model_provider import ModelProviderSpec

LONGEST_NAME: Final = 63  # the name is the value of a label on every child


def parse_pipeline(body: Mapping[str, Any]) -> AgentPipelineSpec | list[Problem]:
    """Read the spec of an AgentPipeline; its graph and templates are judged by `judge_pipeline`."""
    problems = _name(body["metadata"]["name"])
    if problems:
        return problems
    return cast("AgentPipelineSpec | list[Problem]", _parse(AGENT_PIPELINE, body))


def judge_pipeline(spec: AgentPipelineSpec) -> list[Problem]:
    """Judge what the schema cannot say; slow, so the answer is kept by generation."""
    return check_pipeline(spec, stored=True)


def parse_tenant(body: Mapping[str, Any]) -> AgentTenantSpec | list[Problem]:
    return cast("AgentTenantSpec | list[Problem]", _parse(AGENT_TENANT, body))


def parse_provider(body: Mapping[str, Any]) -> ModelProviderSpec | list[Problem]:
    return cast("ModelProviderSpec | list[Problem]", _parse(MODEL_PROVIDER, body))


def _parse(kind: Kind, body: Mapping[str, Any]) -> object:
    spec, problems = parse(kind, body.get("spec") or {}, stored=True)
    return problems if spec is None else spec


def _name(name: str) -> list[Problem]:
    if len(name) <= LONGEST_NAME and re.fullmatch(DNS_LABEL_PATTERN, name):
        return []
    message = f"must be a DNS label of at most {LONGEST_NAME} characters, since workers carry it"
    return [Problem("metadata.name", message)]
