"""An event loop without a clock and without I/O: time jumps to the next timer, and a seed draws who runs first.

What asyncio guarantees is kept: callbacks run in the order of `call_soon`, each once, and none before it was ready.
What it does not guarantee is drawn: in which order tasks that are ready go on, and how soon.
"""

from __future__ import annotations

import asyncio
import contextvars
import heapq
import itertools
from collections.abc import Callable

STEP_LIMIT = 400_000
PUT_OFF = 0.05


class Deadlock(AssertionError):  # noqa: N818 - what it is
    """Nothing is ready and no timer runs: everybody waits for ever."""


class TooManySteps(AssertionError):  # noqa: N818
    """Something goes round in circles."""


class Process:
    """A program within the loop: all that runs in its context. It can be made to stand still at any step, for ever too.

    `at_step` is called before each of its steps, and may say `stand_still`.
    """

    def __init__(self, name: str, at_step: Callable[[int], None] = lambda step: None) -> None:
        self.name = name
        self.steps = 0
        self.stands_still = False
        self.parked: list[asyncio.Handle] = []
        self.at_step = at_step

    def __repr__(self) -> str:
        return self.name


PROCESS: contextvars.ContextVar[Process | None] = contextvars.ContextVar("process", default=None)
OUTSIDE = contextvars.Context()
"""The context of what goes on whatever becomes of a process: services, the network, the store's server."""


class NumberedTask(asyncio.Task):
    """Its hash is its number: sets of tasks have the same order in each replay."""

    def __init__(self, coro, *, number, **rest):
        self.number = number
        super().__init__(coro, **rest)

    def __hash__(self):
        return self.number


class VirtualLoop(asyncio.BaseEventLoop):
    """`chance` (a `random.Random`) draws the order; the time begins at 0 s."""

    def __init__(self, chance):
        super().__init__()
        self._chance = chance
        self._now = 0.0
        self._numbers = itertools.count(1)
        self.steps = 0

    def time(self):
        return self._now

    def create_task(self, coro, *, name=None, context=None):
        return NumberedTask(coro, number=next(self._numbers), loop=self, name=name, context=context)

    def outside(self, seconds, callback, *args):
        """Calls back after that time, whatever becomes of the process that asks for it."""
        return self.call_later(seconds, callback, *args, context=OUTSIDE)

    def resume(self, process):
        """The process goes on where it stood."""
        process.stands_still = False
        parked, process.parked = process.parked, []
        self._ready.extend(parked)

    def _run_once(self):
        self._take_due()
        for handle in self._drawn():
            if handle._cancelled:
                continue
            process = handle._context.get(PROCESS)
            if process is not None:
                if not process.stands_still:
                    process.steps += 1
                    process.at_step(process.steps)
                if process.stands_still:
                    process.parked.append(handle)
                    continue
            self.steps += 1
            handle._run()
        if self.steps > STEP_LIMIT:
            raise TooManySteps(f"more than {STEP_LIMIT} steps")

    def _take_due(self):
        timers = self._scheduled
        while timers and timers[0]._cancelled:
            heapq.heappop(timers)._scheduled = False
        if not self._ready and not self._stopping:
            if not timers:
                raise Deadlock("nothing is ready and no timer runs")
            self._now = max(self._now, timers[0]._when)
        while timers and timers[0]._when <= self._now:
            handle = heapq.heappop(timers)
            handle._scheduled = False
            self._ready.append(handle)

    def _drawn(self):
        """What is ready, the steps of tasks in an order of the seed; a few of these come a round later."""
        batch = list(self._ready)
        self._ready.clear()
        if len(batch) < 2:
            return batch
        places = [n for n, handle in enumerate(batch) if _is_step(handle)]
        if len(places) > 1:
            steps = [batch[n] for n in places]
            self._chance.shuffle(steps)
            for n, handle in zip(places, steps, strict=True):
                batch[n] = handle
            if self._chance.random() < PUT_OFF:
                self._ready.append(batch.pop(places[-1]))
        return batch

    def _write_to_self(self):
        """There is no other thread to wake this one up."""

    def _process_events(self, event_list):
        raise AssertionError("there is no I/O")


def _is_step(handle):
    return isinstance(getattr(handle._callback, "__self__", None), asyncio.Task)
