"""What became of the items of a WorkQueue: the last ones are kept, older ones are a named error."""

from __future__ import annotations

from collections import Counter, deque
from enum import StrEnum
from itertools import islice
from typing import Generic, TypeVar

import msgspec

from ztoq_async.errors import ResultEvicted

Item = TypeVar("Item")
Value = TypeVar("Value")


class Ended(StrEnum):
    """How the work on an item ended."""

    DONE = "done"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"


class Completion(msgspec.Struct, Generic[Item, Value], frozen=True):
    """What became of one item; `value` where it is done, else `error` (None if cancelled before it began)."""

    ticket: int
    item: Item
    state: Ended
    value: Value | None = None
    error: BaseException | None = None


class Completions(Generic[Item, Value]):
    """Keeps the last `most` completions by ticket and as a row to read; every `interval` too many, drops the oldest."""

    def __init__(self, most: int, interval: int) -> None:
        if most < 0 or interval < 1:
            raise ValueError("max_completed_items must be at least 0, cleanup_interval at least 1")
        self._most = most
        self._interval = interval
        self._kept: dict[int, Completion[Item, Value]] = {}
        self._unread: deque[Completion[Item, Value]] = deque()
        self._missed = 0
        self.evicted = 0
        self.ended: Counter[Ended] = Counter()

    def __len__(self) -> int:
        return len(self._kept)

    def add(self, completion: Completion[Item, Value]) -> None:
        """Keeps one more."""
        self.ended[completion.state] += 1
        self._kept[completion.ticket] = completion
        self._unread.append(completion)
        if len(self._kept) >= self._most + self._interval:
            for ticket in list(islice(self._kept, self._interval)):
                del self._kept[ticket]
            self.evicted += self._interval
        if len(self._unread) >= self._most + self._interval:
            for _ in range(self._interval):
                self._unread.popleft()
            self._missed += self._interval

    def get(self, ticket: int) -> Completion[Item, Value]:
        """The completion of a ticket whose item has ended. Raises ResultEvicted when it was dropped."""
        if ticket not in self._kept:
            raise ResultEvicted(f"the completion of ticket {ticket} was dropped: only {self._most} are kept")
        return self._kept[ticket]

    @property
    def readable(self) -> bool:
        """Whether `read` has something to say."""
        return bool(self._unread or self._missed)

    def read(self) -> Completion[Item, Value]:
        """The oldest unread one. Raises ResultEvicted, once, when others before it were dropped unread."""
        if self._missed:
            missed, self._missed = self._missed, 0
            raise ResultEvicted(f"{missed} completions were dropped unread: only {self._most} are kept")
        return self._unread.popleft()
