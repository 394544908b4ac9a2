"""What the connection pool promises, against servers that behave badly; the system counts the sockets."""

import asyncio
import contextlib
import gc
import socket

import aiohttp
import pytest
from peers import Peer, answers, answers_slowly, asked, connections, eventually, resets, says, stalls
from yarl import URL

from ztoq_async import ConnectionPool, ResourceError, close_connection_pools

HALF = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf"
HUGE = b"HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n" + b"x" * 100_000
KINDS = {
    "reset": (1000, resets),
    "half an answer": (1000, says(HALF)),
    "half, then nothing": (1000, says(HALF, stalls)),
    "never answers": (1000, stalls),
    "too large": (1000, says(HUGE, stalls)),
    "hangs up": (200, says(b"")),
    "not HTTP": (200, says(b"SSH-2.0-OpenSSH_9.6\r\n", stalls)),
    "half a head": (200, says(b"HTTP/1.1 200", stalls)),
    "endless head": (100, says(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 50_000, stalls)),
    "endless 1xx": (100, says(b"HTTP/1.1 102 Processing\r\n\r\n" * 20, stalls)),
    "bad gzip": (200, says(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope", stalls)),
    "bad length": (200, says(b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n{}", stalls)),
}


async def ask(pool, url, timeout=5.0, **more):
    """One GET."""
    return await pool.request("GET", URL(url), headers={}, timeout=timeout, **more)


async def many(pool, url, times, timeout, at_once=200):
    """Asks so often, so many at once; gives the answers and errors."""
    gate = asyncio.Semaphore(at_once)

    async def one():
        async with gate:
            return await ask(pool, url, timeout)

    return await asyncio.gather(*(one() for _ in range(times)), return_exceptions=True)


@pytest.mark.parametrize("kind", KINDS)
async def test_failures_of_a_kind_leave_no_socket(kind):
    """However a peer fails, and up to a thousand times: each request ends in time, and no connection stays open."""
    times, behave = KINDS[kind]
    async with Peer(behave) as peer, ConnectionPool(limit=200, max_body=50_000) as pool:
        async with asyncio.timeout(30):
            outcomes = await many(pool, peer.url, times, 0.1)
        assert len(outcomes) == times
        assert {type(one) for one in outcomes if not isinstance(one, (aiohttp.ClientError, OSError))} == set()
        assert await eventually(lambda: connections(peer.port) == [])
        counts = pool.statistics()
        assert (counts.idle, counts.in_use) == (0, 0)


async def test_refused_connections_and_unknown_names_leave_no_socket():
    """A thousand connections that were never made count as failed, and hold no place in the pool."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        async with ConnectionPool(limit=10) as pool:
            outcomes = await many(pool, f"http://127.0.0.1:{port}/", 1000, 2.0)
            assert all(isinstance(one, (aiohttp.ClientError, OSError)) for one in outcomes)
            unknown = await many(pool, "http://nowhere.invalid/", 20, 2.0)
            assert all(isinstance(one, (aiohttp.ClientError, OSError)) for one in unknown)
            counts = pool.statistics()
            assert (counts.failed >= 1000, counts.idle, counts.in_use, connections(port)) == (True, 0, 0, [])


async def test_a_thousand_cancelled_requests_leave_no_socket_and_take_nobodys_answer():
    """Cancelled at any moment: its connection is closed or clean, and each other request gets its own answer."""

    async def echo(reader, writer):
        while True:
            path = (await asked(reader)).split()[1]
            await asyncio.sleep(0.002)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(path) + path)

    async with Peer(echo) as peer, ConnectionPool(limit=20) as pool:
        tasks = [asyncio.create_task(ask(pool, f"{peer.url}{number}")) for number in range(1000)]
        for number, task in enumerate(tasks):
            await asyncio.sleep(0.0005 if number % 10 == 0 else 0)
            if number % 2:
                tasks[number - number % 7].cancel()
                task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        kept = {number: one.body for number, one in enumerate(outcomes) if not isinstance(one, BaseException)}
        assert len(kept) > 300
        assert all(body == b"/%d" % number for number, body in kept.items())
        assert {type(one) for one in outcomes if isinstance(one, BaseException)} == {asyncio.CancelledError}
        counts = pool.statistics()
        assert (counts.in_use, counts.idle) == (0, len(connections(peer.port)))
        assert counts.idle <= 20


async def test_the_limits_hold_and_nobody_starves():
    """Never more than `limit` in use in all and `limit_per_host` to one host; everybody's turn comes."""
    slowly = answers_slowly(0.01)
    async with Peer(slowly) as one, Peer(slowly) as two, ConnectionPool(limit=6, limit_per_host=4) as pool:
        asking = [asyncio.create_task(ask(pool, peer.url)) for _ in range(60) for peer in (one, two)]
        most = 0
        while not all(task.done() for task in asking):
            assert max(len(connections(one.port)), len(connections(two.port))) <= 4
            most = max(most, pool.statistics().in_use)
            await asyncio.sleep(0.003)
        assert {task.result().status for task in asking} == {200}
        assert 4 < most <= 6


async def test_the_limit_is_of_all_connections_idle_ones_too():
    """Five hosts in turn by a pool of two: an idle connection goes where another is needed."""
    async with contextlib.AsyncExitStack() as stack:
        peers = [await stack.enter_async_context(Peer(answers)) for _ in range(5)]
        async with ConnectionPool(limit=2) as pool:
            for peer in peers:
                assert (await ask(pool, peer.url)).status == 200
            assert await eventually(lambda: sum(len(connections(peer.port)) for peer in peers) <= 2)


async def test_idle_connections_go_by_themselves_and_busy_ones_stay():
    """With `idle_timeout=1` fifty idle connections are gone within 2 s of their last use; a busy one lives on."""
    quick, slow = Peer(answers_slowly(0.05)), Peer(answers_slowly(2.5))
    async with quick, slow, ConnectionPool(idle_timeout=1.0) as pool:
        busy = asyncio.create_task(ask(pool, slow.url))
        await asyncio.gather(*(ask(pool, quick.url) for _ in range(50)))
        assert (len(connections(quick.port)), pool.statistics().idle) == (50, 50)
        await asyncio.sleep(0.5)
        assert len(connections(quick.port)) == 50
        assert await eventually(lambda: not connections(quick.port), 1.5)
        assert connections(slow.port) == ["ESTABLISHED"]
        counts = pool.statistics()
        assert (counts.closed_idle, counts.idle, counts.in_use) == (50, 0, 1)
        assert (await busy).status == 200


async def test_a_connection_in_use_now_and_then_is_not_idle():
    """The time counts from the last use: one that is used more often than `idle_timeout` is never remade."""
    async with Peer(answers) as peer, ConnectionPool(idle_timeout=0.4) as pool:
        for _ in range(8):
            await ask(pool, peer.url)
            await asyncio.sleep(0.15)
        counts = pool.statistics()
        assert (peer.opened, counts.created, counts.reused) == (1, 1, 7)


@pytest.mark.parametrize("announced", [True, False])
async def test_a_peer_that_closes_earlier_costs_no_request(announced):
    """By `Keep-Alive: timeout=1` or by having been seen to close: afterwards nothing is sent on a dying connection."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" + (b"Keep-Alive: timeout=1\r\n" if announced else b"")

    async def impatient(reader, writer):
        with contextlib.suppress(TimeoutError):
            while True:
                await asyncio.wait_for(asked(reader), 1.0)
                writer.write(head + b"\r\n{}")

    async with Peer(impatient) as peer, ConnectionPool(idle_timeout=60.0) as pool:
        await ask(pool, peer.url)
        if not announced:
            await asyncio.sleep(1.2)
            await ask(pool, peer.url)
        await asyncio.sleep(0.97)
        assert connections(peer.port) == []
        assert pool.statistics().hosts[f"127.0.0.1:{peer.port}"].keep_alive <= 1.0
        assert (await ask(pool, peer.url)).status == 200


async def test_closing_all_pools_is_quick_with_requests_in_flight_and_may_be_repeated():
    """Peers that never answer do not keep it; those who asked are told; a pool opened later works."""
    async with Peer(stalls) as silent, Peer(answers) as good:
        async with ConnectionPool() as one, ConnectionPool() as two:
            asking = [asyncio.create_task(ask(pool, silent.url, 60.0)) for pool in (one, two) for _ in range(50)]
            await eventually(lambda: len(connections(silent.port)) == 100)
            async with asyncio.timeout(6):
                await asyncio.gather(close_connection_pools(), close_connection_pools())
                await close_connection_pools()
                outcomes = await asyncio.gather(*asking, return_exceptions=True)
            assert all(isinstance(one, Exception) for one in outcomes)
            assert await eventually(lambda: connections(silent.port) == [])
        async with ConnectionPool() as third:
            assert (await ask(third, good.url)).body == b"{}"


def test_pools_of_a_loop_that_died_are_nobodys_business_any_more():
    """A loop that ended with an open pool does not trouble `close_connection_pools` of the next one."""
    forgotten = []

    async def leave_open():
        forgotten.append(await ConnectionPool().__aenter__())

    async def close():
        async with asyncio.timeout(2):
            await close_connection_pools()

    asyncio.run(leave_open())
    asyncio.run(close())
    asyncio.run(close())
    with pytest.warns(ResourceWarning):
        forgotten.clear()
        gc.collect()


@pytest.mark.parametrize("options", [{"limit": 0}, {"limit": -1}, {"limit_per_host": -1}, {"idle_timeout": -1.0}])
def test_a_pool_without_bound_cannot_be_made(options):
    """Neither an unbounded pool nor one in which every request waits for ever."""
    with pytest.raises((ValueError, ResourceError)):
        ConnectionPool(**options)


async def alerts(reader, writer):
    """Refuses the handshake, as TLS does."""
    await reader.read(100)
    writer.write(b"\x15\x03\x03\x00\x02\x02\x28")
    await reader.read()


async def is_not_tls(reader, writer):
    """Plain HTTP where TLS was asked for."""
    await reader.read(100)
    writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    await reader.read()


@pytest.mark.parametrize("behave", [stalls, alerts, is_not_tls])
async def test_tls_that_fails_or_never_comes_leaves_no_socket(behave):
    """No handshake, an alert, plain HTTP: each request ends in time, and nothing stays open."""
    async with Peer(behave) as peer, ConnectionPool() as pool:
        outcomes = await many(pool, peer.url.replace("http:", "https:"), 200, 0.3)
        assert all(isinstance(one, (aiohttp.ClientError, OSError)) for one in outcomes)
        assert await eventually(lambda: connections(peer.port) == [])
        assert pool.statistics().in_use == 0


async def test_closing_all_pools_ends_those_that_still_connect():
    """A request whose handshake never comes is told too, as one that waits for an answer is."""
    async with Peer(stalls) as peer, ConnectionPool() as pool:
        connecting = asyncio.create_task(ask(pool, peer.url.replace("http:", "https:"), 8.0))
        assert await eventually(lambda: connections(peer.port))
        await close_connection_pools()
        await asyncio.wait([connecting], timeout=3)
        left = connections(peer.port)
        assert isinstance((await asyncio.gather(connecting, return_exceptions=True))[0], Exception)
        assert left == []
