"""Processes for what burns CPU: a call that is late or cancelled ends with its process, so nothing goes on burning."""

from __future__ import annotations

import asyncio
import contextlib
import pickle
import sys
import warnings
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import spawn
from types import TracebackType
from typing import Any, Self, TypeVar

import anyio

from ztoq_async.errors import ProcessDied, ResourceError
from ztoq_async.resources import process_child
from ztoq_async.resources.ownership import check_loop, warn_left_open
from ztoq_async.resources.process_child import ERROR, HEAD, VALUE
from ztoq_async.resources.shield import shielded

T = TypeVar("T")

CLOSE_SECONDS = 10.0
REAP_SECONDS = 5.0
PIECE = 1 << 18


@dataclass(frozen=True, slots=True)
class ProcessUse:
    """Processes allowed, busy and alive now, calls waiting for one; calls begun, and processes lost in them, so far."""

    limit: int
    busy: int
    alive: int
    waiting: int
    begun: int
    killed: int


class ProcessPool:
    """At most `processes` at a time, each begun when first needed; an async context manager.

    They are new interpreters, never forks of this one: functions, arguments and results are pickled, and a script that
    uses its own functions needs `if __name__ == "__main__":`. A process that is late, cancelled or killed takes no
    other call with it: another one is begun in its place. Leaving waits for calls for at most 10 s, leaving by an
    exception for none; then every process is killed, which none can ignore.
    """

    def __init__(self, processes: int) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False
        if processes < 1:
            raise ValueError("processes must be at least 1")
        self._limit = processes
        self._alive: set[_Child] = set()
        self._idle: list[_Child] = []
        self._begun = 0
        self._killed = 0
        self._quiet_places = 0
        self._cut = False

    async def __aenter__(self) -> Self:
        if self._loop is not None:
            raise ResourceError("this ProcessPool was already entered; make a new one")
        self._loop = asyncio.get_running_loop()
        self._places = anyio.CapacityLimiter(self._limit)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed = True
        try:
            if kind is None:
                await self._quiet(CLOSE_SECONDS)
        finally:
            self._cut = True
            for child in self._alive:
                child.kill()
            await shielded(self._end(), timeout=3 * REAP_SECONDS)

    def __del__(self) -> None:
        if self._loop is not None and not self._closed:
            warn_left_open("ProcessPool", self)

    async def run(self, func: Callable[..., T], *args: object, timeout: float = 60.0) -> T:
        """Runs `func(*args)` in one of the processes and gives its result, or raises its error.

        Raises TimeoutError after `timeout` seconds of work, the wait for other calls not included; `ProcessDied` where
        the process ended in the middle; ResourceError where the pool is not open, or the call's error is no pickle.
        """
        self._check_open()
        place = object()
        await self._places.acquire_on_behalf_of(place)
        try:
            self._check_open()
            call = pickle.dumps((func, args), pickle.HIGHEST_PROTOCOL)  # not before: those that wait may be many
            self._begun += 1
            async with asyncio.timeout(timeout):
                how, what = pickle.loads(await self._answer(call))  # noqa: S301 - from our own child
        finally:
            self._places.release_on_behalf_of(place)
        if how == VALUE:
            return what  # type: ignore[no-any-return]
        raise what if how == ERROR else ResourceError(f"the call failed, its error cannot be pickled:\n{what}")

    def statistics(self) -> ProcessUse:
        """The use of the pool."""
        alive, waiting = len(self._alive), self._places.statistics().tasks_waiting
        return ProcessUse(self._limit, alive - len(self._idle), alive, waiting, self._begun, self._killed)

    async def _answer(self, call: bytes) -> bytes:
        child = await self._child()
        try:
            answer = await child.ask(call)
        except BaseException:
            self._killed += 1
            await self._drop(child)
            raise
        self._idle.append(child)
        return answer

    async def _child(self) -> _Child:
        while self._idle:
            child = self._idle.pop()
            if child.is_alive:
                return child
            await self._drop(child)
        child = _Child(await asyncio.create_subprocess_exec(*_COMMAND, stdin=PIPE, stdout=PIPE))
        self._alive.add(child)
        if self._cut:  # it was begun while the pool was left
            child.kill()
        return child

    async def _drop(self, child: _Child) -> None:
        child.kill()
        try:
            await shielded(child.reap(), timeout=REAP_SECONDS)
        except TimeoutError:
            warnings.warn("a process of a ProcessPool does not end", ResourceWarning, stacklevel=2)
        finally:
            self._alive.discard(child)

    async def _quiet(self, seconds: float) -> None:
        """Until no call is under way, at most that long: whoever has all places knows it."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._quiet_places < self._limit:
                    await self._places.acquire_on_behalf_of(object())
                    self._quiet_places += 1

    async def _end(self) -> None:
        await self._quiet(REAP_SECONDS)  # those whose process was killed under them reap it
        while self._idle:
            await self._drop(self._idle.pop())

    def _check_open(self) -> None:
        check_loop(self._loop, "ProcessPool")
        if self._closed:
            raise ResourceError("this ProcessPool is closed")


_COMMAND = (sys.executable, "-P", process_child.__file__)
_PATHS = frozenset({"sys_path", "dir"})
_MAIN = _PATHS | {"orig_dir", "init_main_from_name", "init_main_from_path"}


class _Child:
    """One process: asked one thing at a time."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._told: frozenset[str] = frozenset()

    @property
    def is_alive(self) -> bool:
        return self._process.returncode is None

    async def ask(self, call: bytes) -> bytes:
        """The pickled answer to a pickled call."""
        assert self._process.stdout is not None
        try:
            await self._tell(pickle.dumps(self._preparation(call), pickle.HIGHEST_PROTOCOL))
            await self._tell(call)
            head = await self._process.stdout.readexactly(HEAD)
            return await self._process.stdout.readexactly(int.from_bytes(head))
        except (ConnectionError, asyncio.IncompleteReadError):
            raise ProcessDied("a process of a ProcessPool ended in the middle of a call") from None

    async def _tell(self, frame: bytes) -> None:
        """In pieces, as fast as the process reads: the transport would keep a copy of what is written at once."""
        assert self._process.stdin is not None
        self._process.stdin.write(len(frame).to_bytes(HEAD))
        whole = memoryview(frame)
        for start in range(0, len(frame), PIECE):
            self._process.stdin.write(whole[start : start + PIECE])
            await self._process.stdin.drain()

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def reap(self) -> None:
        """Takes what is left of a killed process."""
        await self._process.communicate()

    def _preparation(self, call: bytes) -> dict[str, Any] | None:
        """What the child must know, once: where modules are found; the main module only where a call speaks of it."""
        what = _MAIN if b"__main__" in call else _PATHS
        if what <= self._told:
            return None
        self._told |= what
        found = spawn.get_preparation_data("ProcessPool")
        return {key: found[key] for key in what & found.keys()}
