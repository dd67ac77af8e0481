"""Kubernetes quantities as numbers."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

_QUANTITY: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)(m|k|M|G|T|Ki|Mi|Gi|Ti)?")
_SCALE: Final = {
    "": Decimal(1),
    "m": Decimal("0.001"),
    **{unit: Decimal(1000) ** power for power, unit in enumerate("kMGT", start=1)},
    **{f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGT", start=1)},
}


def amount(quantity: str) -> Decimal | None:
    """Read '250m' or '1Gi', in cores or bytes; None for what is none."""
    found = _QUANTITY.fullmatch(quantity)
    return None if found is None else Decimal(found[1]) * _SCALE[found[2] or ""]
