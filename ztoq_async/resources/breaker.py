"""Circuit breakers, one for each endpoint: a service that is down is asked by one call at a time, not by all."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from weakref import WeakKeyDictionary, WeakSet

from ztoq_async.errors import CircuitOpen, ResourceError
from ztoq_async.resources.ownership import check_loop, loop_here

LONGEST_OPEN = 30.0
TIMER_SLACK = 0.005
"""A loop's timer may ring so many seconds early (uvloop counts milliseconds), which would cost a try."""
IDLE_SECONDS = 300.0
"""After so long without a call a closed circuit may be forgotten."""
CLEANUP_SECONDS = 60.0
"""How often, at most, a new circuit lets those that idle go."""

_log = logging.getLogger(__name__)
_circuits: WeakKeyDictionary[asyncio.AbstractEventLoop, WeakSet[Circuits]] = WeakKeyDictionary()


class State(StrEnum):
    """Closed lets the next call through, open refuses it, half-open waits for its one probe."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


@dataclass(frozen=True, slots=True)
class CircuitEvent:
    """A circuit changed its state."""

    name: str
    before: State
    after: State


class CircuitBreaker:
    """The circuit of one endpoint.

    Opens when, of the last `window` calls, the share `threshold` failed. After `open_for` seconds (doubled after each
    probe that fails, to at most 30 s) exactly one call is let through as a probe; its success closes the circuit.
    Every call that `admit` lets through ends with one `record`. It belongs to the event loop of its first call, if
    there is one then.
    """

    def __init__(
        self,
        name: str,
        *,
        window: int = 20,
        threshold: float = 0.8,
        open_for: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
        on_change: Callable[[CircuitEvent], None] | None = None,
    ) -> None:
        if window < 1 or not 0 < threshold <= 1 or not 0 < open_for < math.inf:
            raise ValueError("window must be at least 1, threshold above 0 and at most 1, open_for seconds above 0")
        self.name = name
        self.state = State.CLOSED
        self.last_used = clock()
        self.on_change = on_change
        self._clock = clock
        self._outcomes: deque[bool] = deque(maxlen=window)
        self._failures = 0
        self._enough = threshold * window
        self._first_open = self._open_for = open_for
        self._opened_at = 0.0
        self._generation = 0
        self._closed = asyncio.Event()
        self._closed.set()
        self._running = 0
        self._loop: asyncio.AbstractEventLoop | None = None

    @staticmethod
    def cleanup_idle_circuits(idle: float = IDLE_SECONDS) -> int:
        """Removes the closed circuits of the running loop that were not used for `idle` seconds; gives their number."""
        if (loop := loop_here()) is None:
            raise ResourceError("circuits belong to an event loop: clean up inside asyncio.run(...)")
        return sum(circuits.cleanup(idle) for circuits in list(_circuits.get(loop, ())))

    @property
    def is_idle(self) -> bool:
        """Closed, with no call on its way."""
        return self.state is State.CLOSED and not self._running

    def admit(self) -> int:
        """Lets a call through and gives its generation, for `record`. Raises CircuitOpen with the seconds to wait."""
        if self._loop is None:
            self._loop = loop_here()
        else:
            check_loop(self._loop, "CircuitBreaker")
        self.last_used = now = self._clock()
        if self.state is State.OPEN and now >= self._opened_at + self._open_for:
            self._enter(State.HALF_OPEN)
        elif self.state is not State.CLOSED:
            raise self._refusal(now)
        self._running += 1
        return self._generation

    def record(self, generation: int, healthy: bool | None) -> None:
        """How an admitted call ended; None says nothing about the endpoint (it was cancelled, or never left)."""
        self._running -= 1
        if generation != self._generation:
            return
        if self.state is State.HALF_OPEN:
            self._judge_probe(healthy)
        elif self.state is State.CLOSED and healthy is not None:
            self._count(healthy)

    async def wait(self, seconds: float) -> None:
        """Waits until the circuit closes, for at most so many seconds."""
        if self._loop is not None:  # else it is used without a loop
            check_loop(self._loop, "CircuitBreaker")
        try:
            async with asyncio.timeout(seconds + TIMER_SLACK):
                await self._closed.wait()
        except TimeoutError:
            pass

    def _refusal(self, now: float) -> CircuitOpen:
        wait = self._open_for if self.state is State.HALF_OPEN else self._opened_at + self._open_for - now
        return CircuitOpen(f"{self.name} failed too often; next try in {wait:.1f} s", retry_after=wait)

    def _judge_probe(self, healthy: bool | None) -> None:
        if healthy:
            self._open_for = self._first_open
            self._enter(State.CLOSED)
            return
        if healthy is False:
            self._open_for = min(self._open_for * 2, max(LONGEST_OPEN, self._first_open))
            self._opened_at = self._clock()
        self._enter(State.OPEN)

    def _count(self, healthy: bool) -> None:
        if healthy and not self._failures:
            self._outcomes.append(True)
            return
        if len(self._outcomes) == self._outcomes.maxlen and not self._outcomes[0]:
            self._failures -= 1
        self._outcomes.append(healthy)
        self._failures += not healthy
        if self._failures >= self._enough:
            self._opened_at = self._clock()
            self._enter(State.OPEN)

    def _enter(self, state: State) -> None:
        before, self.state = self.state, state
        self._generation += 1
        self._outcomes.clear()
        self._failures = 0
        if state is State.CLOSED or before is State.HALF_OPEN:
            self._closed.set()  # whoever waits looks again
        if state is not State.CLOSED:
            self._closed.clear()
        if self.on_change is not None:
            try:
                self.on_change(CircuitEvent(self.name, before, state))
            except Exception:  # noqa: BLE001 - a listener is a guest: the change has happened
                _log.exception("a listener failed: the circuit of %s goes on", self.name)


class Circuits:
    """The circuits of one service by endpoint, made at first use; `make` gives a new one its settings.

    A new circuit lets those that idle go, so that their number stays bounded by the endpoints in use. `on_change` is
    told of every change, unless `make` gave the circuit a listener of its own.
    """

    def __init__(
        self, make: Callable[[str], CircuitBreaker] = CircuitBreaker, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.on_change: Callable[[CircuitEvent], None] | None = None
        self._make = make
        self._clock = clock
        self._cleaned = clock()
        self._by_name: dict[str, CircuitBreaker] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    def __iter__(self) -> Iterator[CircuitBreaker]:
        return iter(tuple(self._by_name.values()))

    def of(self, name: str) -> CircuitBreaker:
        """The circuit of this endpoint."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            _circuits.setdefault(self._loop, WeakSet()).add(self)
        else:
            check_loop(self._loop, "set of circuits")
        circuit = self._by_name.get(name)
        return self._new(name) if circuit is None else circuit

    def cleanup(self, idle: float = 0.0) -> int:
        """Removes closed circuits without calls that were not used for `idle` seconds; gives their number."""
        self._cleaned = self._clock()
        before = self._cleaned - idle
        gone = [circuit.name for circuit in self if circuit.is_idle and circuit.last_used <= before]
        for name in gone:
            del self._by_name[name]
        return len(gone)

    def clear(self) -> None:
        """Removes all circuits, whatever their state: for the end of their use."""
        self._by_name.clear()

    def _new(self, name: str) -> CircuitBreaker:
        if self._clock() >= self._cleaned + CLEANUP_SECONDS:
            self.cleanup(IDLE_SECONDS)
        circuit = self._by_name[name] = self._make(name)
        circuit.on_change = circuit.on_change or self.on_change
        return circuit
