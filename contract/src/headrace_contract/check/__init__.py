"""
The one check of what users write; the operator, the gateway and the CLI share it.

This package alone in the contract imports jinja2, cel-python and jsonschema (the extra `check`).
Everything in it is pure: no file, no network, no clock. Every answer is a list of problems.
"""

from __future__ import annotations

from headrace_contract.check.data import validate_input, validate_output
from headrace_contract.check.parsing import parse
from headrace_contract.check.pipeline import check_pipeline
from headrace_contract.problem import Problem

__all__ = ["Problem", "check_pipeline", "parse", "validate_input", "validate_output"]
