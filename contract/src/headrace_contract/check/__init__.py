"""
The one check of what users write; operator, gateway, worker and CLI share it.

This package alone in the contract imports jinja2, cel-python and jsonschema (the extra `check`),
each in the modules that need it: whoever validates data does not pay for the reading of CEL.
Everything in it is pure: no file, no network, no clock. Every answer is a list of problems.
"""
