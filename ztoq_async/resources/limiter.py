"""How many calls a second one host gets: found out by asking, kept just below its limit."""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable

from aiolimiter import AsyncLimiter

FIRST_RATE = 10.0
FINE = 50.0
"""From this rate up a bucket refills ten times a second; below it calls are spaced one by one."""
KEEP = 0.95
MAX_PAUSE = 600.0
LEAST_RATE = 0.1
FIRST_STEP, FASTER, STEP_CALLS, STEP_S = 0.01, 3, 120, 5.0
_SLICES = 60


class AdaptiveRate:
    """The pace of all calls to one host, in one event loop.

    With `per_minute` 0 the limit is found out: 10 a second, doubled each second until the service refuses; from then
    on 0.95 of the calls that it accepted in the last `window` seconds, or the pace before the last step, which held.
    Before a whole window has passed it counts with the pause, since the service's own window may be shorter. The pace
    grows by 1 %, and by three times the last step each further time, so that a limit that rose, or was guessed too low
    because others used it, is soon reached; between two steps lie 5 s and 120 calls for each that the last refusal
    cost, at most a window. The first refusal after less than a window is doubted: the doubling starts once more after
    the pause. With `per_minute` given there is no search, and no minute holds more. `share` (0 to below 1) of the limit
    is left to others. A refusal pauses every caller at once.

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
        self._window = window
        # 60.1: a bucket lets a tenth of a second's calls through at once.
        self._rate = per_minute / 60.1 * self._kept if self._known else FIRST_RATE
        self._limiter = _bucket(self._rate)
        self._paused_until = 0.0
        self._empty_refusals = 0
        self._refused_at = -math.inf
        self._ramps = 0 if self._known else 2
        self._step = FIRST_STEP
        self._cost = 1
        self._held = 0.0
        self._doubted = False
        self._since = self._started = self._clock()
        self._taken = 0
        self._slices: deque[tuple[int, int]] = deque(maxlen=_SLICES + 1)

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
        self._empty_refusals = 0
        if self._known:
            return
        now = self._clock()
        part = int(now / self._window * _SLICES)
        if self._slices and self._slices[-1][0] == part:
            self._slices[-1] = (part, self._slices[-1][1] + 1)
        else:
            self._slices.append((part, 1))
        if self._doubted and now >= self._paused_until:
            self._learn(now)

    def refused(self, sent: float, after: float | None = None) -> None:
        """A call that left at `sent` was answered 429; `after` is the service's Retry-After in seconds, if any."""
        now = self._clock()
        fresh = sent > self._refused_at
        informative = fresh and not self._known and not self._empty_refusals
        self._cost = 1 if informative or self._ramps else self._cost + 1
        if fresh:
            self._refused_at = now
            self._empty_refusals += 1
        self.pause(after or self._guess())
        if informative and now - self._started < self._window:
            self._doubted = True
        elif informative:
            self._learn(now)

    def pause(self, seconds: float) -> None:
        """Holds every call back for so long, at most ten minutes; a longer pause that is already running stays."""
        self._paused_until = max(self._paused_until, self._clock() + min(seconds, MAX_PAUSE))

    def _guess(self) -> float:
        """A pause where the service names none, or 0: a second, doubled while nothing is accepted."""
        return min(2.0 ** (self._empty_refusals - 1), max(1.0, self._window / 8))

    def _learn(self, now: float) -> None:
        first = int((now - self._window) / self._window * _SLICES)
        lately = sum(count for part, count in self._slices if part > first)
        rate = max(LEAST_RATE, KEEP * self._kept * lately / min(self._window, now - self._started), self._held)
        young = self._ramps == 2 and self._refused_at - self._started < self._window
        self._ramps = 1 if young else 0
        self._step, self._held, self._doubted = FIRST_STEP, 0.0, False
        self._set(max(rate, FIRST_RATE) if young else rate)

    async def _take(self) -> float:
        while True:
            now = self._clock()
            if now < self._paused_until:
                await asyncio.sleep(self._paused_until - now)
                continue
            if not self._known:
                self._adapt(now)
            limiter = self._limiter
            await limiter.acquire()
            now = self._clock()
            if limiter is self._limiter and now >= self._paused_until:
                self._taken += 1
                return now

    def _adapt(self, now: float) -> None:
        if self._ramps:
            if (elapsed := now - self._since) >= 1.0:
                # Doubling an unused rate would let a burst through later.
                used = self._taken >= self._rate * elapsed / 2
                self._set(self._rate * 2 if used else self._rate)
        elif self._kept == 1.0 and self._has_held(now - self._since):
            self._held, rate = self._rate, self._rate * (1 + self._step)
            self._step = min(1.0, self._step * FASTER)
            self._set(rate)

    def _has_held(self, seconds: float) -> bool:
        """Whether the pace was kept for so long, and so often, that a faster one is worth a refusal."""
        return seconds >= self._window or (seconds >= STEP_S and self._taken >= STEP_CALLS * self._cost)

    def _set(self, rate: float) -> None:
        if rate != self._rate:
            self._rate = rate
            self._limiter = _bucket(rate)
        self._since = max(self._clock(), self._paused_until)
        self._taken = 0


def _bucket(rate: float) -> AsyncLimiter:
    return AsyncLimiter(rate / 10, 0.1) if rate >= FINE else AsyncLimiter(1, 1 / rate)
