"""Blocking work in threads, each kind with its own bound, so that one kind never starves another."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Any, Generic, Self, TypeVar, cast

import anyio

from ztoq_async.errors import ResourceError
from ztoq_async.resources.ownership import check_loop, warn_left_open
from ztoq_async.resources.shield import shielded

T = TypeVar("T")

CLOSE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class PoolUse:
    """One pool: calls allowed and in work now, calls waiting for their turn, and calls begun so far."""

    limit: int
    busy: int
    waiting: int
    begun: int


class WorkerPools:
    """Named pools of threads, `WorkerPools(html=2, files=4)`; an async context manager that waits for its threads.

    A thread lives as long as its call: none idles, and none is left after leaving. A thread cannot be stopped: a call
    that is cancelled or late leaves at once, its thread runs on and keeps its place until it is done, and what it
    gives is dropped. Leaving waits for such threads for at most 10 s, then names them in a ResourceWarning.
    """

    def __init__(self, **limits: int) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False
        if not all(limit >= 1 for limit in limits.values()):
            raise ValueError("each pool needs at least 1 thread")
        self._limits = limits
        self._limiters: dict[str, anyio.CapacityLimiter] = {}
        self._begun = dict.fromkeys(limits, 0)
        self._running: set[_Thread[Any]] = set()

    async def __aenter__(self) -> Self:
        if self._loop is not None:
            raise ResourceError("these WorkerPools were already entered; make new ones")
        self._loop = asyncio.get_running_loop()
        self._limiters = {name: anyio.CapacityLimiter(limit) for name, limit in self._limits.items()}
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed = True
        running = list(self._running)
        if running:
            ended = asyncio.wait([thread.ended for thread in running], timeout=CLOSE_SECONDS)
            await shielded(ended, timeout=CLOSE_SECONDS + 1)
        late = [thread.name for thread in running if not thread.ended.done()]
        if late:
            words = f"threads still work {CLOSE_SECONDS:.0f} s after their WorkerPools were left: {', '.join(late)}"
            warnings.warn(words, ResourceWarning, stacklevel=2)

    def __del__(self) -> None:
        if self._loop is not None and not self._closed:
            warn_left_open("WorkerPools", self)

    async def run(self, pool: str, func: Callable[..., T], *args: object, timeout: float = 60.0) -> T:
        """Runs `func(*args)` in a thread of this pool and gives its result, or raises its error.

        Raises TimeoutError after `timeout` seconds, the wait for a thread included, and ResourceError for a pool that
        is not open.
        """
        self._check_open(pool)
        async with asyncio.timeout(timeout):
            thread = _Thread(f"ztoq {pool}", partial(contextvars.copy_context().run, func, *args))
            await self._limiters[pool].acquire_on_behalf_of(thread)
            self._begin(pool, thread)
            await asyncio.wait([thread.ended])
        return thread.result()

    def statistics(self) -> dict[str, PoolUse]:
        """The use of each open pool."""
        return {name: self._use(name, limiter) for name, limiter in self._limiters.items()}

    def _check_open(self, pool: str) -> None:
        check_loop(self._loop, "WorkerPools")
        if self._closed or pool not in self._limiters:
            raise ResourceError(f"there is no open pool {pool!r} in these WorkerPools")

    def _begin(self, pool: str, thread: _Thread[Any]) -> None:
        def ended(_: asyncio.Future[None]) -> None:
            self._running.discard(thread)
            self._limiters[pool].release_on_behalf_of(thread)

        if self._closed:
            self._limiters[pool].release_on_behalf_of(thread)
            raise ResourceError(f"the pool {pool!r} was closed before this call could begin")
        try:
            thread.start()
        except BaseException:  # the system gives no more threads
            self._limiters[pool].release_on_behalf_of(thread)
            raise
        self._begun[pool] += 1
        self._running.add(thread)
        thread.ended.add_done_callback(ended)

    def _use(self, name: str, limiter: anyio.CapacityLimiter) -> PoolUse:
        use = limiter.statistics()
        return PoolUse(self._limits[name], use.borrowed_tokens, use.tasks_waiting, self._begun[name])


class _Thread(Generic[T]):
    """One call in a thread of its own; `ended` is done when the thread is. The interpreter does not wait for it."""

    def __init__(self, name: str, work: Callable[[], T]) -> None:
        self.name = name
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._loop = asyncio.get_running_loop()
        self._work = work
        self._value: T | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def result(self) -> T:
        """What the call gave, once it has ended."""
        if self._error is not None:
            raise self._error
        return cast("T", self._value)

    def _run(self) -> None:
        try:
            self._value = self._work()
        except BaseException as error:  # noqa: BLE001 - it is the caller's
            self._error = error
        with contextlib.suppress(RuntimeError):  # the loop is closed: this thread was late, and named
            self._loop.call_soon_threadsafe(self._end)

    def _end(self) -> None:
        self._thread.join()
        self.ended.set_result(None)
