"""A bounded queue of items and the coroutines that work on them; every item ends as a value that can be read."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from enum import StrEnum
from types import TracebackType
from typing import Generic, Self, TypeVar

import msgspec

from ztoq_async.errors import ResourceError, ResultEvicted

Item = TypeVar("Item")
Value = TypeVar("Value")

STOP_SECONDS = 10.0


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


class QueueStatistics(msgspec.Struct, frozen=True):
    """Items put, ended by state, waiting and in work; completions stored, and evicted to keep memory bounded."""

    put: int
    ended: dict[Ended, int]
    waiting: int
    working: int
    stored: int
    evicted: int


class WorkQueue(Generic[Item, Value]):
    """Runs `worker(item)` for every item put, `workers` at a time, each for at most `task_timeout` seconds.

    At most `max_queue_size` items wait; `put` waits for room. Every `cleanup_interval` completions the oldest are
    evicted until `max_completed_items` are left, read or not, so workers never wait for a reader. An error of the
    worker is a value of the completion and stops nothing. Leaving the context drains the queue; leaving it by an
    exception stops it. A worker that puts into its own queue may wait for itself.
    """

    def __init__(
        self,
        worker: Callable[[Item], Awaitable[Value]],
        *,
        workers: int,
        max_queue_size: int,
        task_timeout: float,
        max_completed_items: int = 1000,
        cleanup_interval: int = 100,
    ) -> None:
        self._worker = worker
        self._workers = workers
        self._size = max_queue_size
        self._timeout = task_timeout
        self._most = max_completed_items
        self._interval = cleanup_interval
        self._tasks: list[asyncio.Task[None]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False
        self._tickets = 0
        self._waiting: deque[tuple[int, Item]] = deque()
        self._putters: deque[asyncio.Future[None]] = deque()
        self._getters: deque[asyncio.Future[None]] = deque()
        self._readers: deque[asyncio.Future[None]] = deque()
        self._joiners: deque[asyncio.Future[None]] = deque()
        self._open: dict[int, asyncio.Future[Completion[Item, Value]] | None] = {}
        self._completed: dict[int, Completion[Item, Value]] = {}
        self._unread: deque[Completion[Item, Value]] = deque()
        self._missed = 0
        self._evicted = 0
        self._ended: Counter[Ended] = Counter()

    async def __aenter__(self) -> Self:
        if self._loop is not None:
            raise ResourceError("this WorkQueue was already entered; make a new one")
        self._loop = asyncio.get_running_loop()
        self._tasks = [asyncio.create_task(self._work()) for _ in range(self._workers)]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            try:
                await self.close()
            except BaseException:
                await self.stop()
                raise
        else:
            await self.stop()

    async def put(self, item: Item) -> int:
        """Adds an item, when there is room, and gives its ticket. Raises ResourceError once the queue is closed."""
        self._check_loop()
        while len(self._waiting) >= self._size and not self._closed:
            await self._wait_in(self._putters)
        if self._closed:
            raise ResourceError("this WorkQueue is closed")
        self._tickets += 1
        self._open[self._tickets] = None
        self._waiting.append((self._tickets, item))
        _wake_one(self._getters)
        return self._tickets

    async def join(self) -> None:
        """Waits until every item that was put has ended."""
        self._check_loop()
        while self._open:
            await self._wait_in(self._joiners)

    async def result(self, ticket: int) -> Completion[Item, Value]:
        """The completion of this ticket, waited for if need be. Raises ResultEvicted when it was dropped."""
        self._check_loop()
        if (completion := self._completed.get(ticket)) is not None:
            return completion
        if not 0 < ticket <= self._tickets:
            raise ResourceError(f"ticket {ticket} was not given by this WorkQueue")
        if ticket not in self._open:
            raise ResultEvicted(f"the completion of ticket {ticket} was dropped: only {self._most} are kept")
        waiter = self._open[ticket]
        if waiter is None:
            waiter = self._open[ticket] = asyncio.get_running_loop().create_future()
        return await asyncio.shield(waiter)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Completion[Item, Value]:
        """The next unread completion, in the order of ending; the end comes when the queue is closed and empty.

        Raises ResultEvicted, once, when completions were dropped unread; the next call goes on with the rest.
        """
        self._check_loop()
        while not self._unread and not (self._closed and not self._open):
            await self._wait_in(self._readers)
        if self._missed:
            missed, self._missed = self._missed, 0
            raise ResultEvicted(f"{missed} completions were dropped unread: only {self._most} are kept")
        if not self._unread:
            raise StopAsyncIteration
        return self._unread.popleft()

    async def close(self) -> None:
        """Takes no more items, works off those that wait, ends the workers; may be called again."""
        self._check_loop()
        self._shut()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def stop(self) -> None:
        """Ends at once: items in work are cancelled, those that wait end as cancelled. Takes at most 10 s."""
        self._check_loop()
        self._shut()
        while self._waiting:
            ticket, item = self._waiting.popleft()
            self._finish(Completion(ticket, item, Ended.CANCELLED))
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=STOP_SECONDS)

    def statistics(self) -> QueueStatistics:
        """Counts since the beginning, and sizes now."""
        waiting = len(self._waiting)
        return QueueStatistics(
            put=self._tickets,
            ended=dict(self._ended),
            waiting=waiting,
            working=len(self._open) - waiting,
            stored=len(self._completed),
            evicted=self._evicted,
        )

    async def _work(self) -> None:
        while True:
            while not self._waiting:
                if self._closed:
                    return
                await self._wait_in(self._getters)
            ticket, item = self._waiting.popleft()
            _wake_one(self._putters)
            await self._run(ticket, item)

    async def _run(self, ticket: int, item: Item) -> None:
        limit = asyncio.timeout(self._timeout)
        try:
            async with limit:
                value = await self._worker(item)
        except Exception as error:  # noqa: BLE001 - the worker's errors are values
            timed_out = limit.expired() and isinstance(error, TimeoutError)
            self._finish(Completion(ticket, item, Ended.TIMED_OUT if timed_out else Ended.FAILED, error=error))
        except BaseException as error:
            self._finish(Completion(ticket, item, Ended.CANCELLED, error=error))
            task = asyncio.current_task()
            if not isinstance(error, asyncio.CancelledError) or (task is not None and task.cancelling()):
                raise
        else:
            self._finish(Completion(ticket, item, Ended.DONE, value))

    def _finish(self, completion: Completion[Item, Value]) -> None:
        waiter = self._open.pop(completion.ticket)
        if waiter is not None and not waiter.done():
            waiter.set_result(completion)
        self._ended[completion.state] += 1
        self._completed[completion.ticket] = completion
        self._unread.append(completion)
        if len(self._unread) >= self._most + self._interval:
            self._drop_unread()
        if len(self._completed) >= self._most + self._interval:
            self._evict()
        _wake_one(self._readers)
        if not self._open:
            _wake_all(self._joiners)
            if self._closed:
                _wake_all(self._readers)

    def _evict(self) -> None:
        oldest = iter(self._completed)
        for ticket in [next(oldest) for _ in range(self._interval)]:
            del self._completed[ticket]
        self._evicted += self._interval

    def _drop_unread(self) -> None:
        for _ in range(self._interval):
            self._unread.popleft()
        self._missed += self._interval

    def _shut(self) -> None:
        self._closed = True
        for waiters in (self._putters, self._getters, self._readers):
            _wake_all(waiters)

    async def _wait_in(self, line: deque[asyncio.Future[None]]) -> None:
        turn = asyncio.get_running_loop().create_future()
        line.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                _wake_one(line)  # the turn was given to one who leaves: pass it on
            elif turn in line:
                line.remove(turn)
            raise

    def _check_loop(self) -> None:
        if asyncio.get_running_loop() is not self._loop:
            raise ResourceError("a WorkQueue is used in the event loop that entered it, after it was entered")


def _wake_one(line: deque[asyncio.Future[None]]) -> None:
    while line:
        turn = line.popleft()
        if not turn.done():
            turn.set_result(None)
            return


def _wake_all(line: deque[asyncio.Future[None]]) -> None:
    while line:
        _wake_one(line)
