"""The pace of calls in simulated time: a loop whose clock jumps to the next timer, a host with a hidden limit."""

import asyncio
import random
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
        self.refusals: list[float] = []
        self._recent: deque[float] = deque()

    @property
    def refused(self) -> int:
        return len(self.refusals)

    def call(self, now: float) -> tuple[bool, float | None]:
        start = now - self.window if self.sliding else now // self.window * self.window
        while self._recent and self._recent[0] < start:
            self._recent.popleft()
        if len(self._recent) < self.limit:
            self._recent.append(now)
            self.times.append(now)
            return True, None
        self.refusals.append(now)
        frees = self._recent[0] + self.window if self.sliding else start + self.window
        return False, float(int(frees - now) + 1) if self.tells else None


async def _drive(
    host: Host, seconds: float, *, begin: float = 0.0, lanes: int = 32, latency: float = 0.04, **settings: Any
) -> AdaptiveRate:
    loop = asyncio.get_running_loop()
    await asyncio.sleep(begin)
    rate = AdaptiveRate(clock=loop.time, **settings)
    draw = random.Random(begin)

    async def lane() -> None:
        while True:
            sent = await rate.acquire()
            await asyncio.sleep(latency * draw.uniform(0.3, 0.7))
            accepted, after = host.call(loop.time())
            await asyncio.sleep(latency * draw.uniform(0.3, 0.7))
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


PHASES = [100.2, 101.8, 103.4, 105.0, 106.6, 108.2, 109.8]
"""When the gateway begins, in windows of ten seconds: nobody begins with the service's window."""


def _shares(
    limit: int, begin: float, then: int = 0, *, kept: float = 1.0, whole: bool = False, **ways: Any
) -> tuple[float, float]:
    """Used of `limit` in ten seconds and refused, as `benchmarks/rate.py` counts: three minutes, from 30 s on.

    Where the limit changes to `then` after 90 s, from 30 s after that; `whole` leaves out windows that began before.
    """
    host = Host(limit, 10.0, **ways)

    async def watched() -> None:
        if then:
            asyncio.get_running_loop().call_later(begin + 90, setattr, host, "limit", then)
        await _drive(host, 180, begin=begin, lanes=64, latency=0.01, share=1 - kept)

    simulated(watched())
    first, last = begin + (120 if then else 30), begin + 180
    if whole:
        first, last = -(-first // 10) * 10, last // 10 * 10
    accepted = sum(1 for time in host.times if first <= time < last)
    refused = sum(1 for time in host.refusals if first <= time < last)
    return accepted / (kept * (then or limit) * (last - first) / 10), refused / (accepted + refused)


@pytest.mark.parametrize("begin", PHASES)
@pytest.mark.parametrize(
    ("limit", "then", "kept"),
    [(10, 0, 1.0), (100, 0, 1.0), (100, 0, 0.8), (300, 100, 1.0), (100, 300, 1.0)],
    ids=["small", "middle", "shared", "falls", "rises"],
)
def test_95_percent_of_a_limit_by_ten_seconds_is_used_and_half_a_percent_refused(
    limit: int, then: int, kept: float, begin: float
) -> None:
    """From the thirtieth second on, wherever in a window it began; never more than the share."""
    # What rises is tried early in a window: the part of a window that has begun says nothing of it.
    used, refused = _shares(limit, begin, then, kept=kept, whole=then > limit)
    assert 0.95 <= used <= 1.0
    assert refused < 0.005


@pytest.mark.parametrize("begin", PHASES[::3])
def test_a_high_limit_by_ten_seconds_is_used_as_well(begin: float) -> None:
    """A hundred a second: bursts of a bucket and calls in flight are within the bounds."""
    used, refused = _shares(1000, begin)
    assert 0.95 <= used <= 1.0
    assert refused < 0.005


def test_a_limit_without_retry_after_is_used_and_seldom_refused() -> None:
    """The end of a window is found by asking each second: half a percent on the average of all phases."""
    shares = [_shares(100, begin, tells=False) for begin in PHASES]
    assert all(0.95 <= used <= 1.0 for used, _ in shares)
    assert sum(refused for _, refused in shares) / len(PHASES) < 0.005
    assert all(refused < 0.01 for _, refused in shares)


@pytest.mark.parametrize(("limit", "then"), [(10, 0), (100, 0), (300, 100), (100, 300)])
def test_a_limit_in_a_window_that_slides_is_used(limit: int, then: int) -> None:
    """Its length is found up to a second too long: seven eighths at least are used."""
    for begin in PHASES[::3]:
        used, refused = _shares(limit, begin, then, sliding=True)
        assert 0.87 <= used <= 1.0
        assert refused < 0.005


@pytest.mark.parametrize("window", [10.4, 13.0, 15.0, 20.0, 30.0])
def test_the_length_of_the_window_is_found(window: float) -> None:
    """Ten calls a second, in windows of any length; counted in whole windows from the sixth on."""
    host = Host(int(10 * window), window)
    simulated(_drive(host, 16 * window, begin=3.0, latency=0.01))
    late = sum(1 for time in host.times if 6 * window <= time < 16 * window)
    assert 0.95 <= late / (10 * host.limit) <= 1.0
    assert sum(1 for time in host.refusals if 6 * window <= time < 16 * window) < 0.005 * late


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


def test_idle_time_is_not_taken_for_a_limit() -> None:
    """After half an hour with a call every two seconds, many callers use the limit within a minute."""
    host = Host(100, 10.0)

    async def scene() -> None:
        loop = asyncio.get_running_loop()
        rate = AdaptiveRate(clock=loop.time)

        async def lane(pause: float) -> None:
            while True:
                sent = await rate.acquire()
                accepted, after = host.call(loop.time())
                await asyncio.sleep(0.01 + pause)
                if accepted:
                    rate.accepted()
                else:
                    rate.refused(sent, after)

        tasks = [asyncio.create_task(lane(2.0))]
        await asyncio.sleep(1800)
        tasks += [asyncio.create_task(lane(0.0)) for _ in range(32)]
        await asyncio.sleep(160)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    simulated(scene())
    assert sum(1 for time in host.times if 1860 <= time < 1960) >= 0.95 * 1000
