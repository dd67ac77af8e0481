"""
What the ledger does with reservations, kept by a trigger in the test's own database.

The ledger forgets a reservation when it is settled. The trigger runs in the same transaction, and
under the locks of the buckets, so its numbers have the order in which calls were admitted, and what
is rolled back leaves no line.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncpg

TRIGGERS = """
CREATE SCHEMA chaos;
CREATE TABLE chaos.reservations (
  seq bigint GENERATED ALWAYS AS IDENTITY, made timestamptz NOT NULL, reserved boolean NOT NULL,
  id uuid NOT NULL, at timestamptz NOT NULL, tenant text NOT NULL, run uuid NOT NULL,
  step text NOT NULL, limits bigint[] NOT NULL, resources text[] NOT NULL,
  amounts bigint[] NOT NULL);
CREATE TABLE chaos.buckets (
  seq bigint GENERATED ALWAYS AS IDENTITY, limit_id bigint NOT NULL, grew bigint NOT NULL,
  used bigint NOT NULL);
CREATE FUNCTION chaos.note_reservation() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = chaos, pg_temp AS $$
DECLARE
  r headrace.reservations := CASE TG_OP WHEN 'INSERT' THEN NEW ELSE OLD END;
BEGIN
  INSERT INTO chaos.reservations
    (made, reserved, id, at, tenant, run, step, limits, resources, amounts)
  VALUES (clock_timestamp(), TG_OP = 'INSERT', r.id, r.at, r.tenant, r.run, r.step, r.limits,
          r.resources, r.amounts);
  RETURN NULL;
END
$$;
CREATE FUNCTION chaos.note_bucket() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = chaos, pg_temp AS $$
BEGIN
  INSERT INTO chaos.buckets (limit_id, grew, used)
  VALUES (NEW.limit_id, NEW.reserved - OLD.reserved, NEW.used);
  RETURN NULL;
END
$$;
CREATE TRIGGER chaos AFTER INSERT OR DELETE ON headrace.reservations
  FOR EACH ROW EXECUTE FUNCTION chaos.note_reservation();
CREATE TRIGGER chaos AFTER UPDATE ON headrace.buckets
  FOR EACH ROW EXECUTE FUNCTION chaos.note_bucket();
"""


@dataclass(frozen=True, slots=True)
class Limit:
    """A declared limit; `seconds` None: how many at once."""

    id: int
    owner: str
    name: str
    resource: str
    capacity: int
    seconds: float | None

    @property
    def at_once(self) -> bool:
        return self.seconds is None


@dataclass(frozen=True, slots=True)
class Entry:
    """A reservation as it was made and as it ended; numbers are places in the journal."""

    id: str
    run: str
    step: str
    at: float
    """When its first bucket was locked: it counts from then on or a little later."""
    made: float
    """When it was written, with all of its buckets locked."""
    seq: int
    gone: float
    gone_seq: int
    reserved: dict[int, int]
    """Amounts by limit."""
    settled: dict[int, int] | None
    """What the recorded call used; None where no answer came of it."""

    def least(self, limit: Limit) -> int:
        """Return what counts of it at least once it is over."""
        if self.settled is None or limit.at_once:
            return 0
        return min(self.reserved[limit.id], self.settled[limit.id])


WINDOWS = {"1s": 1.0, "1m": 60.0, "1h": 3600.0, "1d": 86400.0, "None": None}
ENTRIES = """
SELECT i.id, i.run, i.step, i.seq, d.seq AS gone_seq, i.limits, i.resources, i.amounts,
       extract(epoch FROM i.at)::float8 AS at, extract(epoch FROM i.made)::float8 AS made,
       extract(epoch FROM d.made)::float8 AS gone,
       c.input_tokens, c.output_tokens, c.cost
FROM chaos.reservations i JOIN chaos.reservations d ON d.id = i.id AND NOT d.reserved
LEFT JOIN headrace.calls c ON c.tenant = i.tenant AND c.id = i.id
WHERE i.reserved ORDER BY i.seq
"""


async def limits_of(connection: asyncpg.Connection) -> list[Limit]:
    rows = await connection.fetch(
        "SELECT id, tenant, name, resource, capacity, period FROM headrace.limits"
    )
    return [
        Limit(r["id"], r["tenant"], r["name"], r["resource"], r["capacity"], WINDOWS[r["period"]])
        for r in rows
    ]


async def entries_of(connection: asyncpg.Connection) -> list[Entry]:
    """Read every reservation that was made and is gone; at rest that is all of them."""
    return [_entry(row) for row in await connection.fetch(ENTRIES)]


def _entry(row: asyncpg.Record) -> Entry:
    settled = None
    if row["input_tokens"] is not None:
        used = [_used(row, resource) for resource in row["resources"]]
        settled = dict(zip(row["limits"], used, strict=True))
    return Entry(
        id=str(row["id"]),
        run=str(row["run"]),
        step=row["step"],
        at=row["at"],
        made=row["made"],
        seq=row["seq"],
        gone=row["gone"],
        gone_seq=row["gone_seq"],
        reserved=dict(zip(row["limits"], row["amounts"], strict=True)),
        settled=settled,
    )


def _used(row: asyncpg.Record, resource: str) -> int:
    match resource:
        case "tokens":
            return int(row["input_tokens"] + row["output_tokens"])
        case "cost":
            return int(row["cost"] * 10**9)
        case _:
            return 1


async def most_used(connection: asyncpg.Connection) -> dict[int, int]:
    """Return the most that each bucket said was used, right after a call was admitted."""
    sql = "SELECT limit_id, max(used) AS used FROM chaos.buckets WHERE grew > 0 GROUP BY 1"
    return {row["limit_id"]: row["used"] for row in await connection.fetch(sql)}
