"""The connection pool and the gateway beside bare aiohttp; when idle connections are closed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial

import aiohttp
from yarl import URL

from benchmarks.measure import Figure, Size, speed_ratios
from benchmarks.resources import canned
from ztoq_async import ConnectionPool
from ztoq_async.resources.calls import Call
from ztoq_async.resources.gateway import Gateway
from ztoq_async.resources.limiter import AdaptiveRate

CONCURRENCIES = 16, 64
HEADERS = {"Authorization": "Bearer a.token", "Accept": "application/json"}
IDLE = 50

Ask = Callable[[], Awaitable[object]]


def speed(size: Size) -> Iterable[Figure]:
    """Requests a second of the pool and of the gateway, as shares of what bare aiohttp reaches."""
    requests, rounds = max(50, size.items // 32), 4 * size.rounds  # many short turns: a neighbour's noise hits few
    with canned.running() as url, asyncio.Runner() as runner:
        for concurrency in CONCURRENCIES:
            ratios = partial(_ratios, runner, url, concurrency, requests, rounds)
            what = f"requests a second of bare aiohttp, {concurrency} at a time"
            yield Figure(f"pool-{concurrency}", f"the pool's share of the {what}", ratios(_pooled), at_least=0.95)
            yield Figure(f"gateway-{concurrency}", f"the gateway's share of the {what}", ratios(_gated), at_least=0.75)


def idle_expiry(size: Size) -> Iterable[Figure]:
    """Seconds from the last use of 50 connections until the sweep has closed them all, with `idle_timeout=1`."""
    with canned.running() as url:
        took = tuple(asyncio.run(_expiry(url)) for _ in range(min(size.rounds, 3)))
    what = f"until {IDLE} idle connections are closed with idle_timeout=1, while a busy one lives on"
    yield Figure("idle-expiry", what, took, at_most=2.0, unit="s")


def _ratios(
    runner: asyncio.Runner,
    url: str,
    concurrency: int,
    requests: int,
    rounds: int,
    opened: Callable[[str, int], AbstractAsyncContextManager[Ask]],
) -> tuple[float, ...]:
    def seconds(way: Callable[[str, int], AbstractAsyncContextManager[Ask]]) -> float:
        return runner.run(_seconds(way(url, concurrency), concurrency, requests))

    return speed_ratios(lambda: seconds(opened), lambda: seconds(_bare), rounds)


async def _seconds(opened: AbstractAsyncContextManager[Ask], concurrency: int, requests: int) -> float:
    """How long so many requests take once every connection is open."""

    async def work() -> None:
        for _ in numbers:
            await ask()

    async with opened as ask:
        numbers = iter(range(2 * concurrency))
        await asyncio.gather(*(work() for _ in range(concurrency)))
        numbers = iter(range(requests))
        began = time.perf_counter()
        await asyncio.gather(*(work() for _ in range(concurrency)))
        return time.perf_counter() - began


@asynccontextmanager
async def _bare(url: str, concurrency: int) -> AsyncIterator[Ask]:
    connector = aiohttp.TCPConnector(limit=concurrency)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def ask() -> bytes:
            async with session.get(target, headers=HEADERS) as response:
                return await response.read()

        target = URL(f"{url}/v2/testcases/MM-T1")
        yield ask


@asynccontextmanager
async def _pooled(url: str, concurrency: int) -> AsyncIterator[Ask]:
    target = URL(f"{url}/v2/testcases/MM-T1")
    async with ConnectionPool(limit=concurrency) as pool:
        yield lambda: pool.request("GET", target, headers=HEADERS)


@asynccontextmanager
async def _gated(url: str, concurrency: int) -> AsyncIterator[Ask]:
    async def authorise(_: bool) -> str:
        return "Bearer a.token"

    rate = AdaptiveRate(per_minute=100_000_000)  # set far away: its cost counts, not its pace
    call = Call("GET", "/testcases/MM-T1", label="/testcases/{key}")
    async with ConnectionPool(limit=concurrency) as pool:
        gateway = Gateway(
            pool, name="zephyr", base_url=f"{url}/v2", in_flight=concurrency, rate=rate, authorise=authorise
        )
        yield lambda: gateway.send(call)


async def _expiry(url: str) -> float:
    async with ConnectionPool(idle_timeout=1.0) as pool:
        busy = asyncio.create_task(pool.request("GET", URL(f"{url}/held"), headers={}))
        target = URL(url)
        await asyncio.gather(*(pool.request("GET", target, headers={}) for _ in range(IDLE)))
        used = time.monotonic()
        while pool.statistics().idle:  # noqa: ASYNC110 - it is looked at from outside, as a person would
            await asyncio.sleep(0.005)
        took = time.monotonic() - used
        assert (await busy).status == 200
        return took
