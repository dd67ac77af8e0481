"""A reference for what the ledger counts, with plain numbers and an exact sliding log.

Time is the real clock plus what a test added to it. When a call was counted is known only between
two readings of the clock, so a sliding log has two sums: what is in its window for certain, and
what a slot that is not over yet may still hold. All other kinds are exact.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import floor, inf
from uuid import UUID

DAY = 86_400
WINDOW = 60.0
LATE = WINDOW / 60


@dataclass(frozen=True)
class Span:
    """A moment between two readings of the clock."""

    low: float
    high: float

    def not_before(self, other: Span) -> Span:
        return Span(max(self.low, other.low), max(self.high, other.high))

    @property
    def is_one_slot(self) -> bool:
        return floor(self.low / LATE) == floor(self.high / LATE)

    def surely_within(self, since: Span) -> bool:
        return self.high - since.low <= WINDOW

    def surely_left(self, since: Span) -> bool:
        return self.low - since.high >= WINDOW + LATE


@dataclass
class Entry:
    """Something counted: at least `low` and at most `high` of it."""

    at: Span
    low: int
    high: int


@dataclass
class Bucket:
    """What is used of one limit, by its kind."""

    kind: str
    capacity: int
    used: int = 0
    day: int = -1
    water: Span = Span(-inf, -inf)  # a clock that was set back counts at the latest that was seen
    log: list[Entry] = field(default_factory=list)
    is_overdrawn: bool = False
    """A call used more than it had reserved: nothing can hold the capacity then."""

    def may_admit(self, amount: int, now: Span, day: int) -> set[bool]:
        if self.kind == "Sliding":
            low, high = self.sums(now)
            return {low + amount <= self.capacity, high + amount <= self.capacity}
        used = 0 if self.kind == "Calendar" and day > self.day else self.used
        return {used + amount <= self.capacity}

    def sums(self, now: Span) -> tuple[int, int]:
        now = now.not_before(self.water)
        here = [e for e in self.log if not now.surely_left(e.at)]
        low = sum(e.low for e in here if e.low < 0 or now.surely_within(e.at))
        high = sum(e.high for e in here if e.high > 0 or now.surely_within(e.at))
        return low, high

    def take(self, amount: int, now: Span, day: int) -> Entry | None:
        if self.kind == "Sliding":
            self.water = now.not_before(self.water)
            self.log.append(Entry(self.water, amount, amount))
            return self.log[-1]
        if self.kind == "Calendar" and day > self.day:
            self.used, self.day = 0, day
        self.used += amount
        return None

    def settle(self, held: Held, more: int, now: Span) -> None:
        self.is_overdrawn |= more > 0
        if self.kind == "Concurrency":
            self.used -= held.amount
        elif self.kind == "Total" or (self.kind == "Calendar" and held.day == self.day):
            self.used += more
        elif self.kind == "Sliding":
            self.water = now.not_before(self.water)
            self._settle_log(held, more)

    def _settle_log(self, held: Held, more: int) -> None:
        entry, now = held.entry, self.water
        assert entry is not None
        if now.surely_within(held.at):
            if entry.at == held.at and held.at.is_one_slot:
                entry.low += more
                entry.high += more
            else:
                self.log.append(Entry(held.at, more, more))
        elif more > 0:
            self.log.append(Entry(now, more if now.surely_left(held.at) else 0, more))
        elif not now.surely_left(held.at):
            self.log.append(Entry(held.at, more, 0))


@dataclass(frozen=True)
class Held:
    """What an open reservation holds of one bucket."""

    bucket: Bucket
    amount: int
    at: Span
    day: int
    entry: Entry | None


Key = tuple[str, UUID]


@dataclass
class Model:
    """The limits of one example, and the reservations that are open."""

    limits: dict[str, tuple[str, int]]
    """Kind and capacity, by name."""
    added: int = 0
    """Seconds that the clock is ahead."""
    day: int = 0
    buckets: dict[Key, Bucket] = field(default_factory=dict)
    open: dict[UUID, list[Held]] = field(default_factory=dict)

    def bucket(self, key: Key) -> Bucket:
        return self.buckets.setdefault(key, Bucket(*self.limits[key[0]]))

    def span(self, before: float, after: float) -> Span:
        return Span(before + self.added, after + self.added)

    def outcomes(self, draws: list[tuple[Key, int]], now: Span) -> set[str]:
        """Judge a call: each answer that is right."""
        found = {"Reserved"}
        for key, amount in draws:
            bucket = self.bucket(key)
            admit = bucket.may_admit(amount, now, self.day)
            going = found & {"Reserved", "Blocked"}
            found = (found - going) | (going if True in admit else set())
            if False in admit and going:
                refused = {"Total": "Exhausted"}.get(bucket.kind, "Blocked")
                found.add("TooLarge" if amount > bucket.capacity else refused)
        return found

    def reserve(self, call: UUID, draws: list[tuple[Key, int]], now: Span) -> None:
        self.open[call] = []
        for key, amount in draws:
            bucket = self.bucket(key)
            entry = bucket.take(amount, now, self.day)
            self.open[call].append(Held(bucket, amount, now, self.day, entry))

    def settle(self, call: UUID, tokens: int, now: Span) -> None:
        """End a call that used so many tokens; twice is once."""
        for held in self.open.pop(call, ()):
            held.bucket.settle(held, tokens - held.amount, now)

    def held(self, bucket: Bucket) -> int:
        return sum(h.amount for each in self.open.values() for h in each if h.bucket is bucket)
