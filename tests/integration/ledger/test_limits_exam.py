"""The real ledger sits the same exam of limits as the fake that ships."""

from __future__ import annotations

import pytest
import pytest_asyncio

import ledger_rows
import make
from headrace_ledger.client import Ledger
from headrace_operator.apply.ledger import LedgerRows
from limits_exam import LIMITS, LimitsExam, put

pytestmark = pytest.mark.postgres


class TestLedgerRows(LimitsExam):
    @pytest_asyncio.fixture
    async def rows(self, ledger_server):
        made = LedgerRows(lambda: Ledger.connect(ledger_server.operator_url, role="operator"))
        yield made
        await made.close()

    async def test_what_a_cohort_lends_is_told(self, rows, tenant):
        word = ledger_rows.fresh("cohort")
        other = make.parsed_tenant(make.tenant(ledger_rows.fresh("limited")))
        for one, most in ((tenant, {"borrowingLimit": 300}), (other, {"lendingLimit": 400})):
            limits = [{**LIMITS[0], **most}, LIMITS[1]]  # the second one is in Shadow mode
            await put(rows, one, cohort=word, limits=limits)
        told = [(one.available, one.borrowed, one.lent) for one in await rows.usage(tenant.name)]
        assert sorted(told, key=str) == [(1300, 0, 0), (4, None, None)]

    @pytest.fixture
    def tenant(self):
        return make.parsed_tenant(make.tenant(ledger_rows.fresh("limited")))
