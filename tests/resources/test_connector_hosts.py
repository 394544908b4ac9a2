"""What the pool knows of each host: counts, how long it keeps connections; and that no request meets a dying one."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from yarl import URL

from ztoq_async.resources import hosts
from ztoq_async.resources.connector import ConnectionPool
from ztoq_async.resources.hosts import HostStatistics

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@asynccontextmanager
async def peer(talk: Talk) -> AsyncIterator[URL]:
    tasks: set[asyncio.Task[Any]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())  # type: ignore[arg-type]
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError, TimeoutError):
            await talk(reader, writer)
        writer.close()

    server = await asyncio.start_server(connected, "0.0.0.0", 0)
    try:
        yield URL(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks)


async def answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await reader.readuntil(b"\r\n\r\n"):
        writer.write(OK)


async def get(pool: ConnectionPool, url: URL) -> Any:
    return await pool.request("GET", url, headers={})


def keep_alive(pool: ConnectionPool, url: URL) -> float:
    return pool.statistics().hosts[f"{url.host}:{url.port}"].keep_alive


async def test_each_host_is_counted_and_the_totals_are_their_sums(unused_tcp_port: int) -> None:
    """Created, reused, failed, idle and in use by `host:port`; the total counts them all."""
    async with peer(answers) as one, peer(answers) as two, ConnectionPool(idle_timeout=30) as pool:
        for _ in range(3):
            await get(pool, one)
        await asyncio.gather(*(get(pool, two) for _ in range(2)))
        nobody = URL(f"http://127.0.0.1:{unused_tcp_port}/")
        with contextlib.suppress(OSError):
            await get(pool, nobody)
        statistics = pool.statistics()
        found = [statistics.hosts[f"127.0.0.1:{url.port}"] for url in (one, two, nobody)]
        assert found == [
            HostStatistics(created=1, reused=2, failed=0, closed_idle=0, idle=1, in_use=0, keep_alive=30),
            HostStatistics(created=2, reused=0, failed=0, closed_idle=0, idle=2, in_use=0, keep_alive=30),
            HostStatistics(created=0, reused=0, failed=1, closed_idle=0, idle=0, in_use=0, keep_alive=30),
        ]
        assert (statistics.created, statistics.reused, statistics.failed, statistics.idle) == (3, 2, 1, 3)


async def test_the_number_of_hosts_is_bounded_and_no_count_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hosts without connections are forgotten first; what they counted stays in the totals."""
    monkeypatch.setattr(hosts, "MOST_HOSTS", 5)
    async with peer(answers) as url, ConnectionPool(limit=3) as pool:
        for number in range(1, 21):
            await get(pool, url.with_host(f"127.0.0.{number}"))
        statistics = pool.statistics()
        assert (len(statistics.hosts), statistics.created, statistics.closed_idle) == (5, 20, 17)
        assert {f"127.0.0.{number}:{url.port}" for number in (18, 19, 20)} < set(statistics.hosts)


@pytest.mark.parametrize(("said", "kept"), [("timeout=5, max=100", 3.75), ("max=9, TIMEOUT=60", 58.0), ("300", 60.0)])
async def test_what_a_host_says_of_its_keep_alive_is_heeded(said: str, kept: float) -> None:
    """`Keep-Alive: timeout=N` shortens ours, with room for the way; nothing lengthens it; nonsense is ignored."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(OK.replace(b"\r\n\r\n", f"\r\nKeep-Alive: {said}\r\n\r\n".encode()))

    async with peer(talk) as url, peer(answers) as other, ConnectionPool(idle_timeout=60) as pool:
        await get(pool, url)
        await get(pool, other)
        assert (keep_alive(pool, url), keep_alive(pool, other)) == (kept, 60)


async def test_no_request_is_lost_to_a_host_that_closes_earlier_than_we_do() -> None:
    """A server that keeps connections for 2 s, where we would for 60: seen once, none is used when it is due."""
    app = web.Application()

    async def respond(request: web.Request) -> web.Response:
        return web.json_response({})

    app.router.add_get("/", respond)
    runner = web.AppRunner(app, keepalive_timeout=2.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = URL(f"http://127.0.0.1:{runner.addresses[0][1]}/")
    async with ConnectionPool(idle_timeout=60) as pool:
        await get(pool, url)
        await asyncio.sleep(2.6)
        assert 1.4 <= keep_alive(pool, url) < 2.5

        async def now_and_then(pause: float) -> None:
            await get(pool, url)
            await asyncio.sleep(pause)
            assert (await get(pool, url)).status == 200

        await asyncio.gather(*(now_and_then(1.9 + number / 100) for number in range(20)))
        statistics = pool.statistics()
        assert (statistics.closed_idle >= 19, statistics.failed) == (True, 0)
    await runner.cleanup()


async def test_a_host_that_drops_connections_in_silence_costs_one_request() -> None:
    """No word when it closes, only a reset to who comes too late: learnt from the request that met it."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        last = asyncio.get_running_loop().time()
        while await reader.readuntil(b"\r\n\r\n"):
            now = asyncio.get_running_loop().time()
            if now - last > 1.0:
                writer.transport.abort()
            last = now
            writer.write(OK)

    async with peer(talk) as url, ConnectionPool() as pool:
        await get(pool, url)
        await asyncio.sleep(1.1)
        with pytest.raises(Exception, match="broke before the answer"):
            await get(pool, url)
        assert keep_alive(pool, url) < 1.0
        for _ in range(2):
            await get(pool, url)
            await asyncio.sleep(1.1)
        assert pool.statistics().closed_idle == 2


async def test_a_restart_teaches_nothing() -> None:
    """Connections that break young say nothing of a keep-alive: they are not remade for every request ever after."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        await writer.drain()
        await asyncio.sleep(0.1)

    async with peer(talk) as url, ConnectionPool() as pool:
        await asyncio.gather(*(get(pool, url) for _ in range(10)))
        await asyncio.sleep(0.3)
        assert (keep_alive(pool, url), pool.statistics().idle) == (60, 0)


async def test_a_late_loop_sends_nothing_on_a_connection_that_is_overdue() -> None:
    """The sweep could not run in time: the request that comes first closes what is overdue, and opens anew."""
    async with peer(answers) as url, ConnectionPool(idle_timeout=0.2) as pool:
        await get(pool, url)
        time.sleep(0.3)  # noqa: ASYNC251 - the loop is to be late
        await get(pool, url)
        assert (pool.statistics().created, pool.statistics().closed_idle) == (2, 1)


async def test_what_was_seen_of_a_host_is_forgotten_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may have been a restart: after a while connections are kept as long as before."""
    monkeypatch.setattr(hosts, "LEAST_LEARNT", 0.05)
    monkeypatch.setattr(hosts, "LEARNT_SECONDS", 0.3)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        await writer.drain()
        await asyncio.sleep(0.1)

    async with peer(talk) as url, ConnectionPool() as pool:
        await get(pool, url)
        await asyncio.sleep(0.2)
        assert keep_alive(pool, url) < 1
        await asyncio.sleep(0.3)
        await get(pool, url)
        assert keep_alive(pool, url) == 60
