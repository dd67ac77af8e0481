"""`submit.py fill COUNT`, as fast as it goes."""

from __future__ import annotations

import sys

from jobs import nothing

TEXT = "x" * 120

for number in range(int(sys.argv[2])):
    nothing.send(number, 0, TEXT)
