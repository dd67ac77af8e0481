"""Which of several equal calls of a step this one is."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from uuid import UUID

MOST: Final = 50_000


class Numbering:
    """Counts calls of one attempt with the same content, from 0, in the order in which they come.

    A call that came to nothing gives its number back: whoever asks again is the same call.
    """

    def __init__(self) -> None:
        self._taken: OrderedDict[tuple[UUID, int, bytes], set[int]] = OrderedDict()

    def take(self, task: UUID, fence: int, request_hash: bytes) -> int:
        key = (task, fence, request_hash)
        taken = self._taken.setdefault(key, set())
        self._taken.move_to_end(key)
        number = next(n for n in range(len(taken) + 1) if n not in taken)
        taken.add(number)
        while len(self._taken) > MOST:
            self._taken.popitem(last=False)
        return number

    def give_back(self, task: UUID, fence: int, request_hash: bytes, number: int) -> None:
        self._taken.get((task, fence, request_hash), set()).discard(number)
