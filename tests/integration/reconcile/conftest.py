"""What the tests of the operator share."""

from __future__ import annotations

from reconcile_fixtures import keda, ledger, no_keda, op, place

__all__ = ["keda", "ledger", "no_keda", "op", "place"]
