"""`headrace dev` as a user starts it: one process with PostgreSQL, gateway and workers."""

from __future__ import annotations

import json
import signal

import jsonschema
import pytest
import yaml

from headrace_cli.manifests import load

pytestmark = pytest.mark.postgres

INPUT = ("--input", '{"topic": "rivers"}')


def test_the_example_answers(headrace, example):
    program = headrace("dev", str(example), *INPUT)
    assert program.end() == 0, program.err
    answer = json.loads(program.out)
    (pipeline,) = load(example).pipelines
    jsonschema.validate(answer, dict(pipeline.spec.output.schema_))
    assert answer["title"] == "Rivers"


def test_steps_are_told_in_their_order(headrace, example):
    program = headrace("dev", str(example), *INPUT)
    assert program.end() == 0, program.err
    told = [line.split()[2:4] for line in program.err.splitlines() if " s  step." in line]
    finished = [step for kind, step in told if kind == "step.finished"]
    assert sorted(finished[:4]) == ["future", "past", "present", "sources"]
    assert finished[4:] == ["dossier", "summary"]


def test_an_error_in_the_yaml_is_told_with_its_place_and_nothing_is_started(headrace, example):
    file = example / "pipeline.yaml"
    file.write_text(
        file.read_text().replace("class: large\n        system", "class: huge\n        system")
    )
    program = headrace("dev", str(example), *INPUT)
    assert program.end() == 2
    assert program.out == ""
    first = program.err.splitlines()[0]
    assert first.startswith(f"error: {file}:")
    assert "AgentPipeline/research: spec.steps[5].llm.class: must be one of `models`" in first


def test_an_input_that_does_not_fit_is_told_with_its_place(headrace, example):
    program = headrace("dev", str(example), "--input", '{"subject": "rivers"}')
    assert program.end() == 2
    assert "--input: input: must have 'topic'" in program.err


def limited(example, most, name="research"):
    """Write the pipeline with another limit of its input, which the gateway alone looks at."""
    file = example / "pipeline.yaml"
    whole = yaml.safe_load(file.read_text())
    whole["metadata"]["name"] = name
    whole["spec"]["input"]["maxBytes"] = most
    file.write_text(yaml.safe_dump(whole))


REFUSED = {
    "a character that nobody can store": ('{"topic": "x\\u0000y"}', 1000, "(Invalid)"),
    "more than the pipeline takes": ('{"topic": "rivers"}', 1, "(TooLarge)"),
}


@pytest.mark.parametrize(("given", "most", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_the_gateway_refuses_is_told_in_a_line(headrace, example, given, most, reason):
    limited(example, most)
    program = headrace("dev", str(example), "--input", given)
    assert program.end() == 1
    assert program.out == ""
    (line,) = program.err.splitlines()
    assert line.startswith("error: ")
    assert line.endswith(reason)


def test_a_refusal_is_waited_out_until_the_next_save(headrace, example):
    program = headrace("dev", str(example), *INPUT, "--watch")
    program.until(lambda out, err: "watching" in err and out.count("keyPoints") == 1)
    limited(example, 1)
    program.until(lambda _out, err: "(TooLarge)" in err)
    limited(example, 1000, "mended")  # the gateway keeps what it read of a name for a moment
    program.until(lambda out, _err: out.count("keyPoints") == 2)
    assert program.signal(signal.SIGINT) == 130


def test_a_save_runs_it_again_with_what_was_saved(headrace, example):
    program = headrace("dev", str(example), *INPUT, "--watch")
    program.until(lambda out, err: "watching" in err and out.count("keyPoints") == 1)
    file = example / "pipeline.yaml"
    good = file.read_text()
    file.write_text(good.replace("type: Python", "type: Pyton"))
    program.until(lambda _out, err: "must be one of 'LLM', 'HTTP', 'Python'" in err)
    module = example / "research_steps.py"
    module.write_text(module.read_text().replace("## Reading", "## Sources of what was said"))
    file.write_text(good.replace("Write a title", "Write in one word a title"))
    program.until(lambda out, _err: out.count("keyPoints") == 2)
    assert program.signal(signal.SIGINT) == 130


def test_a_kept_ledger_is_used_again(headrace, example, tmp_path):
    for _ in range(2):
        program = headrace("dev", str(example), *INPUT, "--keep")
        assert program.end() == 0, program.err
    assert (tmp_path / ".headrace" / "dev" / "pgdata" / "PG_VERSION").exists()


def test_one_of_several_pipelines_is_chosen_by_name(headrace, example):
    pipeline = yaml.safe_load((example / "pipeline.yaml").read_text())
    pipeline["metadata"]["name"] = "other"
    (example / "second.yaml").write_text(yaml.safe_dump(pipeline))
    program = headrace("dev", str(example), *INPUT)
    assert program.end() == 2
    assert "there: research, other" in program.err
    program = headrace("dev", str(example), *INPUT, "--pipeline", "other")
    assert program.end() == 0, program.err
