"""The pace of calls in simulated time: a loop whose clock jumps to the next timer, a host with a hidden limit."""

import asyncio
import selectors
from collections import deque
from collections.abc import Coroutine
from typing import Any

import pytest

from ztoq_async.resources.limiter import AdaptiveRate


class _Skipping(selectors.DefaultSelector):
    now = 0.0

    def select(self, timeout: float | None = None) -> Any:
        events = super().select(0)
        if timeout is not None:
            self.now += max(timeout, 1e-6)  # a turn of the loop takes time, too
        return events


def simulated(work: Coroutine[Any, Any, Any]) -> Any:
    selector = _Skipping()
    loop = asyncio.SelectorEventLoop(selector)
    loop.time = lambda: selector.now  # type: ignore[method-assign]
    try:
        return loop.run_until_complete(work)
    finally:
        loop.close()


class Host:
    """Accepts `limit` calls in each fixed window, or in any window that slides, and refuses the rest."""

    def __init__(self, limit: int, window: float = 60.0, *, sliding: bool = False, tells: bool = True) -> None:
        self.limit, self.window, self.sliding, self.tells = limit, window, sliding, tells
        self.times: list[float] = []
        self.refused = 0
        self._recent: deque[float] = deque()

    def call(self, now: float) -> tuple[bool, float | None]:
        start = now - self.window if self.sliding else now // self.window * self.window
        while self._recent and self._recent[0] < start:
            self._recent.popleft()
        if len(self._recent) < self.limit:
            self._recent.append(now)
            self.times.append(now)
            return True, None
        self.refused += 1
        frees = self._recent[0] + self.window if self.sliding else start + self.window
        return False, float(int(frees - now) + 1) if self.tells else None


async def _drive(host: Host, seconds: float, *, begin: float = 0.0, lanes: int = 32, **settings: Any) -> AdaptiveRate:
    loop = asyncio.get_running_loop()
    await asyncio.sleep(begin)
    rate = AdaptiveRate(clock=loop.time, **settings)

    async def lane() -> None:
        while True:
            sent = await rate.acquire()
            await asyncio.sleep(0.02)
            accepted, after = host.call(loop.time())
            await asyncio.sleep(0.02)
            if accepted:
                rate.accepted()
            else:
                rate.refused(sent, after)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(lane()) for _ in range(lanes)]
        await asyncio.sleep(seconds)
        for task in tasks:
            task.cancel()
    return rate


@pytest.mark.parametrize("limit", [60, 600, 3000])
@pytest.mark.parametrize("sliding", [False, True], ids=["fixed", "sliding"])
@pytest.mark.parametrize("tells", [True, False], ids=["retry-after", "silent"])
def test_a_hidden_limit_is_found_and_nine_tenths_of_it_used(limit: int, sliding: bool, tells: bool) -> None:
    """At least 90 % of what the host would accept is used, and few calls are refused."""
    host = Host(limit, sliding=sliding, tells=tells)
    minutes = {60: 20, 600: 10, 3000: 5}[limit]
    simulated(_drive(host, 60 * minutes))
    assert len(host.times) >= 0.9 * limit * minutes, f"{len(host.times)} of {limit * minutes}, {host.refused} refused"
    assert host.refused <= 0.05 * len(host.times) + 100


@pytest.mark.parametrize(("limit", "silent"), [(100, 0.94), (1000, 0.88)])
@pytest.mark.parametrize("tells", [True, False], ids=["retry-after", "silent"])
def test_a_limit_by_ten_seconds_is_found_as_soon(limit: int, silent: float, tells: bool) -> None:
    """What the service accepts in its own window counts, not in a minute of which most is not over yet."""
    host = Host(limit, 10.0, tells=tells)
    simulated(_drive(host, 180))
    late = sum(1 for time in host.times if time >= 30)
    assert (0.95 if tells else silent) * 15 * limit <= late <= 15 * limit
    assert host.refused <= (0.01 if tells else 0.025) * len(host.times) + 30


def test_a_limit_that_rises_to_three_times_is_soon_used() -> None:
    """Steps grow: in a minute most of the new limit is used, though the last minute's calls were by the old one."""
    host = Host(100, 10.0)

    async def rises() -> None:
        asyncio.get_running_loop().call_later(90, setattr, host, "limit", 300)
        await _drive(host, 240)

    simulated(rises())
    assert sum(1 for time in host.times if time >= 150) >= 0.6 * 300 * 9


@pytest.mark.parametrize(("limit", "used"), [(600, 570), (3000, 2990)])
def test_a_window_already_used_by_others_does_not_slow_the_run(limit: int, used: int) -> None:
    """Starting when somebody has used most of the window costs that window, not the next hours."""
    host = Host(limit)
    for _ in range(used):
        host.call(20.0)
    simulated(_drive(host, 600, begin=30.0))
    assert len(host.times) - used >= 0.85 * limit * 10


def test_a_limit_that_rises_is_used_again() -> None:
    """When the others go home and the limit doubles, the pace follows within minutes."""
    host = Host(600)

    async def day_and_night() -> None:
        asyncio.get_running_loop().call_later(300, setattr, host, "limit", 1200)
        await _drive(host, 1500)

    simulated(day_and_night())
    night = sum(1 for time in host.times if time >= 900)
    assert night >= 0.9 * 1200 * 10


@pytest.mark.parametrize("per_minute", [30, 600, 3600])
def test_a_known_limit_is_kept_in_every_window_and_used(per_minute: int) -> None:
    """No minute, wherever it begins, holds more calls than the setting; and 98 % of the setting is used."""
    host = Host(10**9)
    simulated(_drive(host, 300, per_minute=per_minute))
    times = host.times
    most = per_minute
    assert all(times[i + most] - times[i] >= 60.0 - 1e-6 for i in range(len(times) - most))
    assert len(times) >= 0.98 * per_minute * 5


def test_a_share_of_the_limit_stays_free() -> None:
    """With a share of a quarter the host sees at most three quarters of a known limit."""
    host = Host(10**9)
    simulated(_drive(host, 300, per_minute=600, share=0.25))
    assert 0.73 * 3000 <= len(host.times) <= 0.75 * 3000


def test_a_refusal_pauses_every_caller() -> None:
    """After a 429 with Retry-After 30 no call leaves for 30 seconds."""

    async def scene() -> float:
        loop = asyncio.get_running_loop()
        rate = AdaptiveRate(clock=loop.time)
        rate.refused(await rate.acquire(), 30.0)
        began = loop.time()
        await asyncio.gather(*(rate.acquire() for _ in range(5)))
        return loop.time() - began

    assert 30.0 <= simulated(scene()) < 31.0


def test_a_retry_after_of_zero_waits_at_least_a_second_and_grows() -> None:
    """Retry-After 0 means soon: pauses of 1, 2 and 4 seconds while nothing is accepted."""

    async def scene() -> list[float]:
        rate = AdaptiveRate(clock=asyncio.get_running_loop().time)
        pauses = []
        for _ in range(3):
            rate.refused(await rate.acquire(), 0.0)
            pauses.append(round(rate.paused, 3))
        return pauses

    assert simulated(scene()) == [1.0, 2.0, 4.0]


def test_an_unused_pace_is_not_doubled() -> None:
    """One slow caller for a minute does not leave behind a pace that would let a burst through."""

    async def scene() -> float:
        rate = AdaptiveRate(clock=asyncio.get_running_loop().time)
        for _ in range(60):
            await rate.acquire()
            rate.accepted()
            await asyncio.sleep(1.0)
        return rate.rate

    assert simulated(scene()) == 10.0
