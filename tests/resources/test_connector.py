"""The shared pool of connections: idle ones are closed without help, busy ones live on, nothing leaks."""

import asyncio
import gc
import http.cookies
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psutil
import pytest
from aiohttp import web
from yarl import URL

from ztoq_async.errors import ResourceError
from ztoq_async.resources import connector
from ztoq_async.resources.connector import ConnectionPool, close_connection_pools, environment_proxy


@asynccontextmanager
async def service() -> AsyncIterator[URL]:
    async def respond(request: web.Request) -> web.Response:
        await asyncio.sleep(float(request.query.get("seconds", "0")))
        response = web.json_response({"cookie": request.headers.get("Cookie", "")})
        response.set_cookie("session", "1")
        return response

    app = web.Application()
    app.router.add_get("/", respond)
    runner = web.AppRunner(app, shutdown_timeout=0.1, keepalive_timeout=60)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield URL(f"http://127.0.0.1:{runner.addresses[0][1]}/")
    finally:
        await runner.cleanup()


async def get(pool: ConnectionPool, url: URL, seconds: float = 0.0) -> Any:
    return await pool.request("GET", url.with_query(seconds=str(seconds)), headers={})


def sockets_to(url: URL) -> int:
    connections = psutil.Process().net_connections("tcp4")
    return sum(1 for one in connections if one.raddr and one.raddr.port == url.port and one.status == "ESTABLISHED")


async def test_idle_connections_close_by_themselves_while_a_busy_one_lives_on() -> None:
    """50 idle connections are gone within twice the time-out, no request helping; the one in use is not touched."""
    async with service() as url, ConnectionPool(idle_timeout=0.5) as pool:
        busy = asyncio.create_task(get(pool, url, 1.5))
        await asyncio.gather(*(get(pool, url, 0.05) for _ in range(50)))
        assert pool.statistics().idle == 50
        await asyncio.sleep(0.25)
        assert pool.statistics().idle == 50, "closed too early"
        await asyncio.sleep(0.6)
        statistics = pool.statistics()
        assert (statistics.idle, statistics.in_use, statistics.closed_idle) == (0, 1, 50)
        assert sockets_to(url) == 1
        assert (await busy).status == 200


async def test_connections_are_reused_and_counted() -> None:
    """Ten calls in a row need one connection; the limit for a host holds."""
    async with service() as url, ConnectionPool(limit_per_host=2) as pool:
        for _ in range(10):
            await get(pool, url)
        assert (pool.statistics().created, pool.statistics().reused) == (1, 9)
        await asyncio.gather(*(get(pool, url, 0.02) for _ in range(6)))
        assert pool.statistics().created == 2


async def test_closing_all_pools_of_the_loop_is_bounded_and_may_be_repeated() -> None:
    """`close_connection_pools()` closes pools with requests in flight at once; the callers get an error, not a hang."""
    async with service() as url:
        pools = [await ConnectionPool().__aenter__() for _ in range(2)]
        flying = [asyncio.create_task(get(pool, url, 30)) for pool in pools]
        await asyncio.sleep(0.1)
        began = time.monotonic()
        await close_connection_pools()
        await close_connection_pools()
        results = await asyncio.wait_for(asyncio.gather(*flying, return_exceptions=True), 2)
        assert time.monotonic() - began < 2
        assert all(isinstance(result, Exception) for result in results)
        assert sockets_to(url) == 0
        with pytest.raises(ResourceError, match="closed"):
            await get(pools[0], url)


async def test_failures_leak_no_connection(unused_tcp_port: int) -> None:
    """After hundreds of refused, cancelled and late requests no socket is open and none counts as in use."""
    nobody = URL(f"http://127.0.0.1:{unused_tcp_port}/")
    async with service() as url, ConnectionPool(limit=20) as pool:
        refused = await asyncio.gather(*(get(pool, nobody) for _ in range(200)), return_exceptions=True)
        assert all(isinstance(error, Exception) for error in refused)
        for _ in range(10):
            tasks = [asyncio.create_task(get(pool, url, 5)) for _ in range(20)]
            await asyncio.sleep(0.01)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0.05)
        assert (pool.statistics().in_use, pool.statistics().failed >= 200) == (0, True)
        assert sockets_to(url) == 0
        assert (await get(pool, url)).status == 200


async def test_a_fence_that_raises_gives_the_connection_back() -> None:
    """Nothing is written, and the next request reuses the connection."""

    def fence() -> None:
        raise RuntimeError("stop")

    async with service() as url, ConnectionPool() as pool:
        for _ in range(3):
            with pytest.raises(RuntimeError, match="stop"):
                await pool.request("GET", url, headers={}, fence=fence)
        assert (await get(pool, url)).status == 200
        assert (pool.statistics().created, pool.statistics().in_use) == (1, 0)


async def test_cookies_are_not_kept() -> None:
    """A session cookie of one call is not sent with the next."""
    async with service() as url, ConnectionPool() as pool:
        assert http.cookies.SimpleCookie((await get(pool, url)).headers["set-cookie"])["session"].value == "1"
        assert (await get(pool, url)).body == b'{"cookie": ""}'


async def test_a_pool_belongs_to_its_loop() -> None:
    """Use from another loop is a named error, not a hang."""
    async with service() as url, ConnectionPool() as pool:
        with pytest.raises(ResourceError, match="another event loop"):
            await asyncio.to_thread(asyncio.run, get(pool, url))


def test_pools_of_a_dead_loop_are_forgotten() -> None:
    """The registry is weak: a loop that ended leaves nothing behind."""

    async def scene() -> None:
        async with ConnectionPool():
            assert asyncio.get_running_loop() in connector._open_pools

    before = len(connector._open_pools)
    asyncio.run(scene())
    gc.collect()
    assert len(connector._open_pools) <= before


def test_the_proxy_of_the_environment_is_used_but_for_exceptions(monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTPS_PROXY counts, NO_PROXY excepts."""
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", "internal.example")
    assert environment_proxy(URL("https://qtest.example/api")) == "http://proxy.example:3128"
    assert environment_proxy(URL("https://internal.example/api")) is None
