"""A database that an earlier version has been at."""

import asyncpg
import pytest

from headrace_ledger.embedded import EmbeddedLedger
from headrace_ledger.migrate import migrate

pytestmark = pytest.mark.postgres

OLDER = """
SET ROLE headrace_owner;
CREATE FUNCTION headrace.tell(text) RETURNS text LANGUAGE sql AS 'SELECT $1';
UPDATE headrace.schema_versions SET functions = 'of an earlier version';
RESET ROLE;
"""
NAMED = """
SELECT count(*) FROM pg_proc
WHERE proname = 'tell' AND pronamespace = 'headrace'::regnamespace
"""


async def test_functions_of_an_earlier_version_make_room():
    with EmbeddedLedger() as server:
        con = await asyncpg.connect(server.owner_url)
        await con.execute(OLDER)
        assert await con.fetchval(NAMED) == 2, "the older signature is not there to begin with"
        assert await migrate(server.owner_url)
        assert await con.fetchval(NAMED) == 1
        assert not await migrate(server.owner_url)
        await con.close()
