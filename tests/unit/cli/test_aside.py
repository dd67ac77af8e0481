"""Lines that children write to stderr are told one by one, in words."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from headrace_cli.local.aside import aside, readable

LINES = {
    "a log line of a step": (
        '{"level": "info", "logger": "headrace.step", "message": "Ready.", "step": "a"}',
        "[a] Ready."),
    "a warning": (
        '{"level": "warning", "logger": "x", "message": "Slow."}', "[x] warning: Slow."),
    "an exception": (
        '{"level": "error", "step": "a", "message": "Bad.", "exception": "ValueError"}',
        "[a] error: Bad. ValueError"),
    "something printed": ("hello {", "hello {"),
    "other JSON": ('{"a": 1}', '{"a": 1}'),
    "a number": ("1", "1"),
}  # fmt: skip


@pytest.mark.parametrize(("line", "want"), LINES.values(), ids=LINES)
def test_a_line_reads_well(line, want):
    assert readable(line) == want


def test_what_a_child_writes_is_told_and_stderr_is_given_back(capfd):
    told = []
    with aside(told.append):
        write = "import os; os.write(2, b'one\\ntwo\\n')"
        subprocess.run([sys.executable, "-c", write], check=True)
    assert told == ["one", "two"]
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"
