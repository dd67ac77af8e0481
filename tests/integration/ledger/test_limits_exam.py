"""The real ledger sits the same exam of limits as the fake that ships."""

from __future__ import annotations

import pytest
import pytest_asyncio

import ledger_rows
import make
from headrace_ledger.client import Ledger
from headrace_operator.apply.ledger import LedgerRows
from limits_exam import LimitsExam

pytestmark = pytest.mark.postgres


class TestLedgerRows(LimitsExam):
    @pytest_asyncio.fixture
    async def rows(self, ledger_server):
        made = LedgerRows(lambda: Ledger.connect(ledger_server.operator_url, role="operator"))
        yield made
        await made.close()

    @pytest.fixture
    def tenant(self):
        return make.parsed_tenant(make.tenant(ledger_rows.fresh("limited")))
