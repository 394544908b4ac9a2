"""A bounded queue of items and the coroutines that work on them; every item ends as a value that can be read."""

from __future__ import annotations

import asyncio
import math
import warnings
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from types import TracebackType
from typing import Generic, Self

import msgspec

from ztoq_async.errors import ResourceError
from ztoq_async.resources.completions import Completion, Completions, Ended, Item, Value
from ztoq_async.resources.ownership import check_loop, warn_left_open
from ztoq_async.resources.shield import shielded
from ztoq_async.resources.waiting import Line

STOP_SECONDS = 10.0


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
    worker is a value of the completion and stops nothing; `KeyboardInterrupt` and `SystemExit` are meant for the
    program: they end their item as failed and go on to the loop, as from any task.

    Leaving the context drains the queue; leaving it by an exception stops it. A worker may put into its own queue:
    where all of them would wait there for room, the last one gets a ResourceError instead.
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
        self._loop: asyncio.AbstractEventLoop | None = None
        self._left = False
        if workers < 1 or max_queue_size < 1 or not 0 < task_timeout < math.inf:
            raise ValueError("workers and max_queue_size must be at least 1, task_timeout seconds above 0")
        self._worker = worker
        self._workers = workers
        self._size = max_queue_size
        self._timeout = task_timeout
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False
        self._tickets = 0
        self._blocked = 0
        self._waiting: deque[int] = deque()
        self._open: dict[int, Item] = {}
        self._asked: dict[int, asyncio.Future[Completion[Item, Value]]] = {}
        self._completions: Completions[Item, Value] = Completions(max_completed_items, cleanup_interval)
        self._putters, self._getters, self._readers, self._joiners = Line(), Line(), Line(), Line()

    async def __aenter__(self) -> Self:
        if self._loop is not None:
            raise ResourceError("this WorkQueue was already entered; make a new one")
        self._loop = asyncio.get_running_loop()
        for _ in range(self._workers):
            task = asyncio.create_task(self._work())
            self._tasks.add(task)
            task.add_done_callback(self._gone)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                await self.close()
        finally:
            await self.stop()

    def __del__(self) -> None:
        if self._loop is not None and not self._left:
            warn_left_open("WorkQueue", self)

    async def put(self, item: Item) -> int:
        """Adds an item, when there is room, and gives its ticket. Raises ResourceError once the queue is closed."""
        check_loop(self._loop, "WorkQueue")
        while len(self._waiting) >= self._size and not self._closed:
            await (self._room() if asyncio.current_task() in self._tasks else self._putters.wait())
        if self._closed:
            raise ResourceError("this WorkQueue is closed")
        self._tickets += 1
        self._open[self._tickets] = item
        self._waiting.append(self._tickets)
        self._getters.call()
        return self._tickets

    async def join(self) -> None:
        """Waits until every item that was put has ended."""
        self._check_outside()
        while self._open:
            await self._joiners.wait()

    async def result(self, ticket: int) -> Completion[Item, Value]:
        """The completion of this ticket, waited for if need be. Raises ResultEvicted when it was dropped."""
        check_loop(self._loop, "WorkQueue")
        if not 0 < ticket <= self._tickets:
            raise ResourceError(f"ticket {ticket} was not given by this WorkQueue")
        if ticket not in self._open:
            return self._completions.get(ticket)
        if ticket not in self._asked:
            self._asked[ticket] = asyncio.get_running_loop().create_future()
        return await asyncio.shield(self._asked[ticket])

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Completion[Item, Value]:
        """The next unread completion, in the order of ending; the end comes when the queue is closed and empty.

        Raises ResultEvicted, once, when completions were dropped unread; the next call goes on with the rest.
        """
        check_loop(self._loop, "WorkQueue")
        while not self._completions.readable:
            if self._closed and not self._open:
                raise StopAsyncIteration
            await self._readers.wait()
        return self._completions.read()

    async def close(self) -> None:
        """Takes no more items, works off those that wait, ends the workers; may be called again.

        A worker that ignores its time-out holds this up, as it does `join`; `stop` does not wait for it.
        """
        self._check_outside()
        self._left = True
        self._shut()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def stop(self) -> None:
        """Ends at once: items in work are cancelled, those that wait end as cancelled.

        Takes at most 10 s: a worker that ignores its cancellation is left behind with a ResourceWarning.
        """
        self._check_outside()
        self._left = True
        self._shut()
        self._cancel(list(self._waiting))
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            others = set(self._tasks)  # they leave the queue's own set, maybe all of them before the waiting begins
            await shielded(asyncio.wait(others, timeout=STOP_SECONDS), timeout=STOP_SECONDS + 1)
        if self._tasks:
            self._cancel(list(self._open))
            words = f"{len(self._tasks)} workers of a WorkQueue ignored their cancellation for {STOP_SECONDS:.0f} s"
            self._tasks.clear()  # left behind: nobody waits for them again
            warnings.warn(words, ResourceWarning, stacklevel=2)

    def statistics(self) -> QueueStatistics:
        """Counts since the beginning, and sizes now."""
        waiting = len(self._waiting)
        return QueueStatistics(
            put=self._tickets,
            ended=dict(self._completions.ended),
            waiting=waiting,
            working=len(self._open) - waiting,
            stored=len(self._completions),
            evicted=self._completions.evicted,
        )

    async def _work(self) -> None:
        me = asyncio.current_task()
        assert me is not None
        while not me.cancelling():
            while not self._waiting:
                if self._closed:
                    return
                await self._getters.wait()
            ticket = self._waiting.popleft()
            self._putters.call()
            await self._run(ticket, self._open[ticket])

    async def _run(self, ticket: int, item: Item) -> None:
        limit = asyncio.timeout(self._timeout)
        try:
            async with limit:
                value = await self._worker(item)
        except BaseException as error:
            self._finish(ticket, _how(error, late=limit.expired()), error=error)
            if isinstance(error, KeyboardInterrupt | SystemExit):
                raise
        else:
            if limit.expired():
                self._finish(ticket, Ended.TIMED_OUT, error=TimeoutError("the worker went on after its time-out"))
            else:
                self._finish(ticket, Ended.DONE, value)

    def _finish(
        self, ticket: int, state: Ended, value: Value | None = None, error: BaseException | None = None
    ) -> None:
        if ticket not in self._open:
            return  # its worker ignored its cancellation, so that `stop` has ended it
        completion = Completion(ticket, self._open.pop(ticket), state, value, error)
        self._completions.add(completion)
        waiter = self._asked.pop(ticket, None)
        if waiter is not None and not waiter.done():
            waiter.set_result(completion)
        self._readers.call()
        if not self._open:
            self._joiners.call_all()
            if self._closed:
                self._readers.call_all()

    def _gone(self, task: asyncio.Task[None]) -> None:
        """A worker has ended; without the last one, say because everything is cancelled, what waits is cancelled."""
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # seen: it is the item's
        if not self._tasks:
            self._shut()
            self._cancel(list(self._waiting))

    def _shut(self) -> None:
        self._closed = True
        for line in (self._putters, self._getters, self._readers):
            line.call_all()

    def _cancel(self, tickets: Iterable[int]) -> None:
        self._waiting.clear()
        for ticket in tickets:
            self._finish(ticket, Ended.CANCELLED)

    async def _room(self) -> None:
        """A worker waits for room; where all of them did, nobody would make any."""
        if self._blocked == len(self._tasks) - 1:
            raise ResourceError("every worker of this WorkQueue waits for room in it: make it larger")
        self._blocked += 1
        try:
            await self._putters.wait()
        finally:
            self._blocked -= 1

    def _check_outside(self) -> None:
        check_loop(self._loop, "WorkQueue")
        if asyncio.current_task() in self._tasks:
            raise ResourceError("a worker cannot wait for the end of its own WorkQueue")


def _how(error: BaseException, *, late: bool) -> Ended:
    if late:
        return Ended.TIMED_OUT
    return Ended.CANCELLED if isinstance(error, asyncio.CancelledError) else Ended.FAILED
