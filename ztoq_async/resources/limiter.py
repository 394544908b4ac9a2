"""How many calls a second one host gets: found out by asking, kept just below its limit."""

from __future__ import annotations

import asyncio
import enum
import math
import time
from collections.abc import Callable

from aiolimiter import AsyncLimiter

FIRST_RATE = 10.0
FINE = 50.0
"""From this rate up a bucket refills ten times a second; below it calls are spaced one by one."""
MAX_PAUSE = 600.0
LEAST_RATE = 0.1
KEEP = 0.98
TRY, HOLD, RISE = 1.4, 0.85, 0.2
"""At 1.4 times its limit a window is full after 0.71 of it; what holds for 0.85 was not the limit."""
CALLS = 290
"""Calls for each that is refused: below 0.5 %, and at 100 calls a window every third window may be tried."""
LONG = 30.0
"""Seconds of which one more or less does not matter: a longer window is measured once, a shorter one twice."""
SLIGHT, ROUGH = 0.2, 1 / 6
"""Of a window: a pace refused so shortly before its end was a little too high; a guessed pause so long is rough."""


class _State(enum.Enum):
    SEARCH = enum.auto()  # ever faster until refused
    TRIAL = enum.auto()  # a window from its beginning, too fast, until it is full: how much does it hold?
    PACE = enum.auto()  # just below the limit
    PROBE = enum.auto()  # too fast for a window: has the limit risen?


class AdaptiveRate:
    """The pace of all calls to one host, in one event loop.

    With `per_minute` 0 the limit is found out: 10 a second, doubled each second until the service refuses. A refusal
    pauses every caller at once, and the pause ends with the service's window. The next windows are then tried at 1.4
    times the limit as believed: how many calls they hold until one is refused, and how long they are, is the limit.
    The pace is 0.98 of it. A window is tried anew when the pace itself is refused early; refused late, the pace goes
    down a little. After two windows and 290 calls for each that the last refusal cost, a window is tried for more:
    refused, the limit is as it was; not refused, it rose, and the search goes on from there. With `per_minute` given
    there is no search, and no minute holds more. `share` (0 to below 1) of the limit is left to others.

    By Little's law the calls in flight settle at rate × latency: no second bound is needed.
    """

    def __init__(
        self,
        per_minute: int = 0,
        share: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
        *,
        window: float = 60.0,
    ) -> None:
        self._clock = clock
        self._turn = asyncio.Lock()
        self._known = per_minute > 0
        self._kept = 1.0 - share
        # 60.1: a bucket lets a tenth of a second's calls through at once.
        self._rate = per_minute / 60.1 * self._kept if self._known else FIRST_RATE
        self._limiter = _bucket(self._rate)
        self._paused_until = 0.0
        self._empty_refusals = 0
        self._refused_at = self._full_at = -math.inf
        self._state = _State.SEARCH
        self._window, self._limit = window, FIRST_RATE
        self._measured, self._windows = 0.0, 0
        self._cost = 0
        self._late = self._late_before = 0.0
        self._since = self._began = self._clock()
        self._taken = self._count = 0

    @property
    def rate(self) -> float:
        """Calls a second, as it stands now."""
        return self._rate

    @property
    def paused(self) -> float:
        """Seconds until the next call may leave; 0 when none was refused lately."""
        return max(0.0, self._paused_until - self._clock())

    async def acquire(self) -> float:
        """Waits for this call's turn; gives its time, to be handed to `accepted` or `refused`."""
        if self._known:
            return await self._take()
        # One caller at a time waits for the bucket: a crowd in the old one would keep the old pace for seconds.
        async with self._turn:
            return await self._take()

    def accepted(self) -> None:
        """A call was answered with something other than 429."""
        if self._known:
            self._empty_refusals = 0
            return
        if self._empty_refusals and (now := self._clock()) >= self._paused_until:
            self._empty_refusals = 0
            self._window_begins(now)
        self._count += 1

    def refused(self, sent: float, after: float | None = None) -> None:
        """A call that left at `sent` was answered 429; `after` is the service's Retry-After in seconds, if any."""
        now = self._clock()
        if not self._empty_refusals and not self._known:
            self._full_at = now
            if self._state is not _State.TRIAL:  # what all trials cost is saved up for before the next probe
                self._cost = 0
            self._limiter = _bucket(min(self._rate, FIRST_RATE))  # the next only ask whether the pause is over
        self._cost += 1
        if sent > self._refused_at:
            self._refused_at = now
            self._empty_refusals += 1
        self._late = 1.0 if after else self._guess()
        self.pause(after or self._late)

    def pause(self, seconds: float) -> None:
        """Holds every call back for so long, at most ten minutes; a longer pause that is already running stays."""
        self._paused_until = max(self._paused_until, self._clock() + min(seconds, MAX_PAUSE))

    def _guess(self) -> float:
        """A pause where the service names none, or 0: a second, doubled while nothing is accepted."""
        return min(2.0 ** (self._empty_refusals - 1), max(1.0, self._window / (8 if self._known else 15)))

    def _window_begins(self, now: float) -> None:
        """The first call after a pause was accepted: what does the window before it say?"""
        count, seconds, again = self._count, now - self._began, False
        if self._state in (_State.TRIAL, _State.PACE) and seconds < self._window / 2:
            # The window slides: calls of the search, which began slowly, make room as slowly.
            self._set(self._rate)
            return
        lost = (now - self._full_at) / self._window
        if self._state is _State.SEARCH:
            # Where in a window the search began is not known: a first guess, for the trial.
            self._limit, self._cost, again = count / seconds, 0, True
            if self._windows:
                self._limit = max(self._limit, self._rate / TRY**2)
            else:
                self._window = seconds
        elif self._state is _State.TRIAL:
            self._measure(count, seconds)
            again = self._windows < 2 and self._measured < LONG
        elif self._state is _State.PROBE:
            self._limit = max(self._limit, count / self._window)  # it began with a window, at most a second late
        elif lost < SLIGHT:
            self._limit *= 1 - max(1 - KEEP, lost - 1 / self._window)
        else:
            again = True
        self._limit = max(self._limit, LEAST_RATE)
        self._late_before = self._late
        self._begin(_State.TRIAL if again else _State.PACE)

    def _measure(self, count: int, seconds: float) -> None:
        """A window was full from its beginning. Its length is known to a second, and whole: two windows tell it."""
        if abs(seconds - self._window) > 2.0:
            self._measured, self._windows = 0.0, 0
        if max(self._late, self._late_before) > max(1.0, seconds * ROUGH):  # pauses that were guessed too long
            self._measured, self._windows, self._window = 0.0, 0, seconds
        else:
            self._measured, self._windows = self._measured + seconds, self._windows + 1
            self._window = max(1.0, round(self._measured / self._windows))
        self._limit = count / self._window

    async def _take(self) -> float:
        while True:
            now = self._clock()
            if now < self._paused_until:
                await asyncio.sleep(self._paused_until - now)
                continue
            if not self._known and not self._empty_refusals:
                self._adapt(now)
            limiter = self._limiter
            await limiter.acquire()
            now = self._clock()
            if limiter is self._limiter and now >= self._paused_until:
                self._taken += 1
                return now

    def _adapt(self, now: float) -> None:
        seconds = now - self._since
        if self._state is _State.PACE:
            self._keep_pace(now, seconds)
            return
        searching = self._state is _State.SEARCH
        if seconds >= (HOLD * self._window if not searching else RISE * self._window if self._windows else 1.0):
            used = self._taken >= self._rate * seconds / 2
            if not used and now - self._began >= self._window:  # hours with few calls tell nothing of the limit
                self._began, self._count = now, 0
            # Going faster than is asked for would let a burst through later.
            faster = (TRY if self._windows else 2.0) if used and searching else 1.0
            self._state = _State.SEARCH
            self._set(self._rate * faster)

    def _keep_pace(self, now: float, seconds: float) -> None:
        if now - self._began >= self._window:
            worth = self._taken + self._limit * self._window >= CALLS * self._cost
            if worth and seconds > 1.5 * self._window and self._kept == 1.0:
                self._begin(_State.PROBE)
            else:
                self._began, self._count = now - (now - self._began) % self._window, 0

    def _begin(self, state: _State) -> None:
        self._state = state
        self._began, self._count = self._clock(), 0
        self._set(self._limit * (self._kept * KEEP if state is _State.PACE else TRY))

    def _set(self, rate: float) -> None:
        self._rate = rate
        self._limiter = _bucket(rate)
        self.pause(1 / rate)  # a new bucket is empty: its first call would come too soon after the last one
        self._since, self._taken = max(self._clock(), self._paused_until), 0


def _bucket(rate: float) -> AsyncLimiter:
    return AsyncLimiter(rate / 10, 0.1) if rate >= FINE else AsyncLimiter(1, 1 / rate)
