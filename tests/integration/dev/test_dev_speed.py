"""`headrace dev` answers within seconds; a busy machine is told from a slow program."""

from __future__ import annotations

import os
import resource

import pytest

pytestmark = pytest.mark.postgres

INPUT = ("--input", '{"topic": "rivers"}')
SECONDS = 5.0  # the promise, on a machine that has nothing else to do
TRIES = 3  # the first may find an environment that is not warm yet


def processor_seconds():
    """What all children that have ended have used, and theirs: PostgreSQL is one of these."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def crowd():
    """How many want each processor; one means that who wants it has it."""
    return max(1.0, os.getloadavg()[0] / len(os.sched_getaffinity(0)))


def test_the_example_answers_within_five_seconds(headrace, example, record_property):
    # What it computes does not hide behind others' work, and so is not excused by it; for what it
    # waits there is only the clock, which on a machine for four is four times as slow.
    best = (float("inf"), float("inf"))
    for _ in range(TRIES):
        before, share = processor_seconds(), crowd()
        program = headrace("dev", str(example), *INPUT)
        assert program.end() == 0, program.err
        took = program.answered / max(share, crowd())
        best = min(best, (took, processor_seconds() - before), key=max)
        print(f"answered after {program.answered:.2f} s, {best[1]:.2f} s of a processor's time")
        if max(best) <= SECONDS:
            break
    record_property("seconds_to_answer", round(best[0], 2))
    record_property("processor_seconds", round(best[1], 2))
    assert max(best) <= SECONDS, best
