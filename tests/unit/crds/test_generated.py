"""The CRD files: what the API server forbids is not in them, and what people need is."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

import crd_cases
import crd_overrides
import crd_places
import render_crds
from crdgen import manifest
from headrace_contract.check.parsing import parse
from headrace_contract.check.pipeline import check_pipeline
from headrace_contract.check.rules import holds, violations
from headrace_contract.resources.kinds import AGENT_PIPELINE, KINDS

ROOT = Path(__file__).parents[3]
FORBIDDEN = {
    "$ref",
    "$defs",
    "const",
    "title",
    "nullable",
    "anyOf",
    "oneOf",
    "allOf",
    "uniqueItems",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "patternProperties",
    "prefixItems",
    "deprecated",
    "discriminator",
}


def version(kind):
    [only] = manifest.manifest(kind)["spec"]["versions"]
    return only


def root(kind):
    return version(kind)["schema"]["openAPIV3Schema"]


def nodes(schema, path):
    yield path, schema
    for name, member in schema.get("properties", {}).items():
        yield from nodes(member, f"{path}.{name}")
    if "items" in schema:
        yield from nodes(schema["items"], f"{path}[]")
    if "additionalProperties" in schema:
        yield from nodes(schema["additionalProperties"], f"{path}[]")


every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)


RENDERED = dict(render_crds.rendered())


@pytest.mark.parametrize(("name", "text"), RENDERED.items(), ids=RENDERED)
def test_what_is_committed_is_what_the_models_say(name, text):
    assert (ROOT / name).read_text() == text


@every_kind
def test_a_definition_stays_small_enough_to_apply(kind):
    assert len(manifest.text(kind).encode()) < 200_000


@every_kind
def test_no_keyword_is_forbidden(kind):
    found = {(path, key) for path, node in nodes(root(kind), kind.name) for key in node}
    assert [(path, key) for path, key in found if key in FORBIDDEN] == []
    for path, node in nodes(root(kind), kind.name):  # a map's values, and nothing but a map's
        if "additionalProperties" in node:
            assert isinstance(node["additionalProperties"], dict), path
            assert "properties" not in node, path


@every_kind
def test_every_field_has_a_sentence(kind):
    parts = root(kind)["properties"]
    described = [*nodes(parts["spec"], "spec"), *nodes(parts["status"], "status")]
    poor = [p for p, node in described if not p.endswith("[]") and "description" not in node]
    assert poor == []
    assert [p for p, node in described if not node.get("description", ".").endswith(".")] == []


@every_kind
def test_every_value_is_bounded(kind):
    for path, node in nodes(root(kind)["properties"]["spec"], "spec"):
        match node["type"]:
            case "string":
                assert "enum" in node or node["maxLength"] <= 32768, path
            case "integer":
                assert node["minimum"] <= node["maximum"], path
            case "array":
                assert node["maxItems"] <= 256, path
                assert node["x-kubernetes-list-type"] in {"map", "set", "atomic"}, path
            case other:
                assert other in {"object", "boolean"}, path


@every_kind
def test_lists_that_merge_have_keys_that_are_required(kind):
    for path, node in nodes(root(kind), kind.name):
        if node.get("x-kubernetes-list-type") == "map":
            assert set(node["x-kubernetes-list-map-keys"]) <= set(node["items"]["required"]), path


@every_kind
def test_every_rule_says_what_must_be(kind):
    for path, node in nodes(root(kind), kind.name):
        for rule in node.get("x-kubernetes-validations", ()):
            assert "must" in rule["message"] or "headrace" in rule["message"], path


@every_kind
def test_a_fresh_object_does_not_look_done(kind):
    assert root(kind)["properties"]["status"]["default"] == {"observedGeneration": -1}
    assert version(kind)["subresources"] == {"status": {}}


@every_kind
def test_columns_name_fields_that_exist(kind):
    known = {path.replace("[]", "") for path, _ in nodes(root(kind), "")}
    for column in version(kind)["additionalPrinterColumns"]:
        field = column["jsonPath"].replace('[?(@.type=="Ready")]', "")
        assert field in known | {".metadata.creationTimestamp"}, column
        assert " " not in column["name"]


@every_kind
def test_age_is_the_last_column_that_is_always_shown(kind):
    shown = [c for c in version(kind)["additionalPrinterColumns"] if not c.get("priority")]
    assert shown[-1]["name"] == "Age"


def test_every_kind_has_a_name_of_its_own_in_the_category():
    names = [manifest.manifest(kind)["spec"]["names"] for kind in KINDS]
    assert all(each["categories"] == ["headrace"] for each in names)
    assert len({each["shortNames"][0] for each in names}) == len(KINDS)


def test_the_chart_carries_the_same_files():
    chart = ROOT / "charts" / "headrace" / "files" / "crds"
    ours = {path.name: path.read_text() for path in (ROOT / "crds").glob("*.yaml")}
    assert {path.name: path.read_text() for path in chart.glob("*.yaml")} == ours


def test_yaml_reads_back_what_was_written():
    for kind in KINDS:
        assert yaml.safe_load(manifest.text(kind)) == manifest.manifest(kind)


# ---- the table of rules, offline ----------------------------------------------------------------


def filled(schema, value):
    """Fill in defaults as the API server does: where a member is absent, from the outside in."""
    if isinstance(value, dict):
        members = schema.get("properties", {})
        given = {n: m["default"] for n, m in members.items() if "default" in m and n not in value}
        return {n: filled(members.get(n, {}), v) for n, v in {**value, **given}.items()}
    if isinstance(value, list):
        return [filled(schema["items"], item) for item in value]
    return value


@pytest.mark.parametrize("case", crd_cases.SMALLEST, ids=lambda case: case.kind.name)
def test_defaults_are_those_of_pydantic(case):
    model, problems = parse(case.kind, case.spec)
    assert problems == []
    schema = root(case.kind)["properties"]["spec"]
    told = model.model_dump(
        mode="json",
        by_alias=True,
        exclude_none=True,
        exclude=crd_overrides.LEFT_OPEN[case.kind.name],
    )
    assert filled(schema, case.spec) == told


@pytest.mark.parametrize(
    "case", [*crd_cases.SMALLEST, *crd_cases.RULES], ids=lambda case: case.says
)
def test_rules_hold_offline_as_on_the_server(case):
    schema = root(case.kind)["properties"]["spec"]
    found = [str(p) for p in violations(schema, filled(schema, case.spec), {}, "spec")]
    if case.refused is None:
        assert found == []
    else:
        assert any(case.refused in message for message in found), found


@pytest.mark.parametrize(("name", "want"), crd_cases.NAMES.values(), ids=crd_cases.NAMES)
def test_names_hold_offline_as_on_the_server(name, want):
    assert holds(manifest.NAME_RULE["rule"], {"metadata": {"name": name}}) == want


@pytest.mark.parametrize("case", crd_places.EVERY, ids=lambda case: case.says)
def test_the_models_admit_what_the_schema_admits(case):
    spec, problems = parse(case.kind, case.spec)
    if spec is not None and case.kind is AGENT_PIPELINE:
        unresolved = ("unknown", "must be one of `models`")
        problems = [p for p in check_pipeline(spec) if not any(w in str(p) for w in unresolved)]
    assert (problems == []) == (case.refused is None), problems


def test_every_rule_has_an_object_that_it_refuses():
    rules = {
        rule["message"]
        for kind in KINDS
        for _, node in nodes(root(kind), kind.name)
        for rule in node.get("x-kubernetes-validations", ())
    }
    rules -= {manifest.NAME_RULE["message"]}  # its table is that of names
    refused = [case.refused for case in crd_places.EVERY if case.refused]
    assert [message for message in rules if not any(words in message for words in refused)] == []
