"""The shared pool of connections: idle ones are closed without help, busy ones live on, nothing leaks."""

import asyncio
import gc
import http.cookies
import ssl
import time
import traceback
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import psutil
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from yarl import URL

from ztoq_async.errors import ResourceError
from ztoq_async.resources import connector
from ztoq_async.resources.connector import (
    ConnectionPool,
    Proxy,
    ProxyRefused,
    close_connection_pools,
    environment_proxy,
)


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
    return sum(1 for one in connections if one.raddr and one.raddr.port == url.port)


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


async def test_a_large_body_arrives_whole_and_without_a_warning() -> None:
    """Megabytes go in pieces; aiohttp's own advice on large bodies is heeded."""
    body = bytes(range(256)) * 20_000

    async def respond(request: web.Request) -> web.Response:
        assert request.content_length == len(body)
        return web.Response(body=await request.read())

    app = web.Application(client_max_size=2**25)
    app.router.add_post("/", respond)
    async with TestServer(app) as server, ConnectionPool() as pool:
        assert (await pool.request("POST", server.make_url("/"), headers={}, body=body)).body == body


async def test_cookies_are_not_kept() -> None:
    """A session cookie of one call is not sent with the next."""
    async with service() as url, ConnectionPool() as pool:
        assert http.cookies.SimpleCookie((await get(pool, url)).headers["set-cookie"])["session"].value == "1"
        assert (await get(pool, url)).body == b'{"cookie": ""}'


async def test_a_pool_belongs_to_its_loop() -> None:
    """Use from another loop, or from a thread without one, is a named error, not a hang; so is closing it there."""
    async with service() as url, ConnectionPool() as pool:
        for use in (get(pool, url), pool.close()):
            with pytest.raises(ResourceError, match="another event loop"):
                await asyncio.to_thread(asyncio.run, use)
        use = get(pool, url)
        with pytest.raises(ResourceError, match="another event loop or thread"):
            await asyncio.to_thread(use.send, None)
        assert (await get(pool, url)).status == 200
    with pytest.raises(ResourceError, match="not open"):
        await get(ConnectionPool(), url)


def test_pools_of_a_dead_loop_are_forgotten() -> None:
    """A loop that ended with an open pool leaves nothing behind, and does not trouble the next loop's cleaning up."""

    async def scene() -> None:
        pools.append(await ConnectionPool().__aenter__())
        assert asyncio.get_running_loop() in connector._open_pools

    pools: list[ConnectionPool] = []
    before = len(connector._open_pools)
    asyncio.run(scene())
    asyncio.run(close_connection_pools())
    with pytest.warns(ResourceWarning, match="left open"):
        pools.clear()
        gc.collect()
    assert len(connector._open_pools) <= before


async def test_a_pool_left_open_warns_once_and_closes_its_sockets() -> None:
    """One warning that names the pool; none of aiohttp's layers adds its own, no log says \"Unclosed\"."""
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    async with service() as url:
        pool = await ConnectionPool().__aenter__()
        await asyncio.gather(*(get(pool, url, 0.01) for _ in range(5)))
        assert sockets_to(url) == 5
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            del pool
            gc.collect()
            await asyncio.sleep(0.05)
            gc.collect()
        assert [(one.category, "ConnectionPool" in str(one.message)) for one in caught] == [(ResourceWarning, True)]
        assert (complaints, sockets_to(url)) == ([], 0)


async def test_closing_tells_those_who_wait_for_a_connection() -> None:
    """Nobody cancelled them, so they get an error; a caller who is cancelled stays cancelled."""
    async with service() as url:
        async with ConnectionPool(limit=1) as pool:
            tasks = [asyncio.create_task(get(pool, url, 30)) for _ in range(4)]
            await asyncio.sleep(0.05)
            tasks[3].cancel()
            await close_connection_pools()
            ends = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(end) for end in ends[1:]] == [ResourceError, ResourceError, asyncio.CancelledError]
        assert isinstance(ends[0], Exception)


async def test_closing_does_not_wait_for_a_peer_that_reads_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """A TLS peer that never answers the closing, an upload that nobody reads: closed at once, also when they idle."""
    trustme = pytest.importorskip("trustme", reason="certificates for the test")
    authority = trustme.CA()
    serving, trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(serving)
    authority.configure_trust(trusting)
    monkeypatch.setattr(aiohttp.connector, "_SSL_CONTEXT_VERIFIED", trusting)
    deaf: list[asyncio.StreamWriter] = []
    begun = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        deaf.append(writer)
        begun.set()
        if await reader.readuntil(b"\r\n\r\n") and deaf[1:]:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        writer.transport.pause_reading()

    server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=serving)
    url = URL(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
    async with ConnectionPool(idle_timeout=0.3) as pool:
        upload = asyncio.create_task(pool.request("POST", url, headers={}, body=b"x" * 30_000_000))
        await asyncio.wait_for(begun.wait(), 5)
        await asyncio.gather(*(pool.request("GET", url, headers={}) for _ in range(3)))
        assert sockets_to(url) == 4
        await asyncio.sleep(0.4)
        assert sockets_to(url) == 1, "idle connections wait for the peer"
        await asyncio.gather(*(pool.request("GET", url, headers={}) for _ in range(3)))
        began = time.monotonic()
        await pool.close()
        assert time.monotonic() - began < 0.5
        assert isinstance((await asyncio.gather(upload, return_exceptions=True))[0], aiohttp.ClientError)
    assert sockets_to(url) == 0
    for writer in deaf:
        writer.transport.abort()
    server.close()


def test_the_proxy_of_the_environment_is_used_but_for_exceptions(monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTPS_PROXY counts, NO_PROXY excepts; a password is kept apart from the URL."""
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", "internal.example")
    assert environment_proxy(URL("https://qtest.example/api")) == Proxy("http://proxy.example:3128")
    assert environment_proxy(URL("https://internal.example/api")) is None
    monkeypatch.setenv("https_proxy", "http://user:p%40ss@proxy.example:3128")
    found = environment_proxy(URL("https://qtest.example/api"))
    assert found == Proxy("http://proxy.example:3128", {"Proxy-Authorization": "Basic dXNlcjpwQHNz"})
    assert "dXNlcjpwQHNz" not in repr(found)


async def test_a_proxy_that_refuses_is_named_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy gets the login in its header; no error has it."""
    asked: list[bytes] = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    async with server, ConnectionPool() as pool:
        monkeypatch.setenv("https_proxy", f"http://user:p%40ss@127.0.0.1:{server.sockets[0].getsockname()[1]}")
        url = URL("https://qtest.example/api")
        with pytest.raises(ProxyRefused, match="407") as caught:
            await pool.request("GET", url, headers={}, proxy=environment_proxy(url))
    assert b"Proxy-Authorization: Basic dXNlcjpwQHNz" in asked[0]
    assert "".join(traceback.format_exception(caught.value)).count("dXNlcjpwQHNz") == 0
    assert caught.value.__cause__ is None
