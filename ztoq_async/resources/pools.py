"""Blocking work in threads, each kind with its own bound, so that one kind never starves another."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar

import anyio
import anyio.to_thread

from ztoq_async.errors import ResourceError

T = TypeVar("T")

CLOSE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class PoolUse:
    """One pool: threads allowed and busy now, calls waiting for one, and calls begun so far."""

    threads: int
    busy: int
    waiting: int
    begun: int


class WorkerPools:
    """Named pools of threads, `WorkerPools(html=2, files=4)`; an async context manager that waits for its threads.

    A thread cannot be stopped: a call that is cancelled or late leaves at once, its thread runs on and keeps its place
    until it is done, and what it gives is dropped.
    """

    def __init__(self, **threads: int) -> None:
        self._sizes = threads
        self._limiters: dict[str, anyio.CapacityLimiter] = {}
        self._begun = dict.fromkeys(threads, 0)
        self._running: set[asyncio.Task[Any]] = set()
        self._closed = False
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __aenter__(self) -> Self:
        if self._loop is not None:
            raise ResourceError("these WorkerPools were already entered; make new ones")
        self._loop = asyncio.get_running_loop()
        self._limiters = {name: anyio.CapacityLimiter(size) for name, size in self._sizes.items()}
        self._unbounded = anyio.CapacityLimiter(math.inf)  # the pool's own place bounds the threads
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed = True
        if self._running:
            await asyncio.wait(self._running, timeout=CLOSE_SECONDS)

    async def run(self, pool: str, func: Callable[..., T], *args: object, timeout: float = 60.0) -> T:
        """Runs `func(*args)` in a thread of this pool and gives its result.

        Raises TimeoutError after `timeout` seconds, the wait for a thread included, and ResourceError for a pool that
        is not open.
        """
        if self._closed or asyncio.get_running_loop() is not self._loop or pool not in self._limiters:
            raise ResourceError(f"there is no open pool {pool!r} in this event loop")
        async with asyncio.timeout(timeout):
            place = object()
            await self._limiters[pool].acquire_on_behalf_of(place)
            return await asyncio.shield(self._begin(pool, place, partial(func, *args)))

    def statistics(self) -> dict[str, PoolUse]:
        """The use of each open pool."""
        return {name: self._use(name, limiter) for name, limiter in self._limiters.items()}

    def _begin(self, pool: str, place: object, work: Callable[[], T]) -> asyncio.Task[T]:
        """A task that ends with its thread, whoever still waits for it."""

        def ended(task: asyncio.Task[T]) -> None:
            self._running.discard(task)
            self._limiters[pool].release_on_behalf_of(place)
            if not task.cancelled():
                task.exception()  # seen, so that the loop does not complain where the caller has left

        self._begun[pool] += 1
        task = asyncio.ensure_future(anyio.to_thread.run_sync(work, limiter=self._unbounded))
        self._running.add(task)
        task.add_done_callback(ended)
        return task

    def _use(self, name: str, limiter: anyio.CapacityLimiter) -> PoolUse:
        use = limiter.statistics()
        return PoolUse(self._sizes[name], use.borrowed_tokens, use.tasks_waiting, self._begun[name])
