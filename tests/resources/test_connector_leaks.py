"""No error leaks a connection: a thousand failures of each kind, and the system counts the sockets."""

import asyncio
import contextlib
import itertools
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import psutil
import pytest
from yarl import URL

from ztoq_async.resources import connector
from ztoq_async.resources.connector import AnswerTooLarge, ConnectionPool

TIMES, AT_ONCE = 1000, 50
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: "

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def peer(talk: Talk, tls: ssl.SSLContext | None = None) -> AsyncIterator[URL]:
    """A server that does with each connection as `talk` says, and then hangs up."""
    tasks: set[asyncio.Task[Any]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(task := asyncio.current_task())  # type: ignore[arg-type]
        task.add_done_callback(tasks.discard)  # type: ignore[union-attr]
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await talk(reader, writer)
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls, backlog=AT_ONCE)
    try:
        yield URL(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks)


async def fail(pool: ConnectionPool, url: URL, **how: Any) -> list[BaseException]:
    """A thousand requests, fifty at once; their errors."""
    numbers = iter(range(TIMES))
    errors: list[BaseException] = []

    async def work() -> None:
        for _ in numbers:
            try:
                await pool.request("GET", url, headers={}, **how)
            except Exception as error:  # noqa: BLE001
                errors.append(error)

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    return errors


def sockets_to(url: URL) -> int:
    """Open client sockets of this process to that port, whatever their state."""
    return sum(1 for one in psutil.Process().net_connections("inet") if one.raddr and one.raddr.port == url.port)


async def assert_none_open(pool: ConnectionPool, url: URL) -> None:
    for _ in range(100):
        if not sockets_to(url):
            break
        await asyncio.sleep(0.01)  # the system's part of closing
    statistics = pool.statistics()
    assert (sockets_to(url), statistics.idle, statistics.in_use) == (0, 0, 0)


def says(answer: bytes) -> Talk:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(reader.read(), 0.01)

    return talk


def resets_after(answer: bytes) -> Talk:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if answer:
            writer.write(answer)
            await asyncio.sleep(0.001)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        writer.transport.abort()

    return talk


async def stalls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


KINDS: dict[str, tuple[Talk, type[Exception]]] = {
    "reset before the answer": (resets_after(b""), aiohttp.ClientError),
    "reset within the body": (resets_after(HEAD + b"100\r\n\r\nhalf"), aiohttp.ClientError),
    "half an answer": (says(HEAD + b"100\r\n\r\nhalf"), aiohttp.ClientPayloadError),
    "too large": (says(HEAD + b"1000000\r\n\r\n" + b"x" * 100_000), AnswerTooLarge),
    "too large in chunks": (
        says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + 2 * (b"ffff\r\n" + b"x" * 65535 + b"\r\n")),
        AnswerTooLarge,
    ),
    "not HTTP": (says(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"), aiohttp.ClientError),
    "hung up": (says(b""), aiohttp.ClientError),
}


@pytest.mark.parametrize("kind", KINDS)
async def test_a_thousand_failures_leave_no_socket(kind: str) -> None:
    """However the peer breaks the exchange: an error each time, and nothing stays open."""
    talk, error = KINDS[kind]
    async with peer(talk) as url, ConnectionPool(max_body=50_000) as pool:
        errors = await fail(pool, url)
        assert [one for one in errors if not isinstance(one, error)] == []
        assert len(errors) == TIMES
        await assert_none_open(pool, url)


async def test_a_thousand_late_answers_leave_no_socket() -> None:
    """A peer that never answers, and one that stops within the body or in a body that only its end delimits."""
    for begins in (b"", HEAD + b"9\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\nhalf"):

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, begins: bytes = begins) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(begins)
            await stalls(reader, writer)

        async with peer(talk) as url, ConnectionPool() as pool:
            errors = await fail(pool, url, timeout=0.03)
            assert (len(errors), {isinstance(one, TimeoutError) for one in errors}) == (TIMES, {True})
            await assert_none_open(pool, url)


async def test_a_thousand_cancelled_requests_leave_no_socket() -> None:
    """Cancelled while connecting, while waiting for a connection, and while waiting for the answer."""
    async with peer(stalls) as url, ConnectionPool(limit=20) as pool:
        for pause in itertools.islice(itertools.cycle((0, 0.001, 0.01)), TIMES // AT_ONCE):
            tasks = [asyncio.create_task(pool.request("GET", url, headers={})) for _ in range(AT_ONCE)]
            await asyncio.sleep(pause)
            for task in tasks:
                task.cancel()
            ends = await asyncio.gather(*tasks, return_exceptions=True)
            assert {type(end) for end in ends} == {asyncio.CancelledError}
        await assert_none_open(pool, url)


async def test_a_thousand_connections_that_are_never_made_leave_no_socket(
    unused_tcp_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused, an unknown name, and a peer whose queue is full: each counts as failed."""
    monkeypatch.setattr(connector, "CONNECT_SECONDS", 0.03)
    with socket.socket() as full, contextlib.ExitStack() as stack:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        nobody = URL(f"http://127.0.0.1:{unused_tcp_port}/"), URL("http://nobody.invalid/")
        for url in (*nobody, URL(f"http://127.0.0.1:{full.getsockname()[1]}/")):
            before = sockets_to(url)
            async with ConnectionPool() as pool:
                errors = await fail(pool, url, timeout=7.0)
                assert {isinstance(one, aiohttp.ClientConnectionError) for one in errors} == {True}
                host = pool.statistics().hosts[f"{url.host}:{url.port}"]
                assert (host.failed, host.created, host.in_use) == (TIMES, 0, 0)
                assert sockets_to(url) == before


async def test_a_thousand_failures_of_tls_leave_no_socket() -> None:
    """A peer that does not speak TLS, and one whose certificate nobody vouches for."""
    trustme = pytest.importorskip("trustme", reason="certificates for the test")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(tls)
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda *_: None)  # the server's half of the failure

    async def greets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n")
        await reader.read()

    for context in (None, tls):
        async with peer(greets, context) as url, ConnectionPool() as pool:
            errors = await fail(pool, url.with_scheme("https"))
            assert (len(errors), {isinstance(one, aiohttp.ClientConnectorError) for one in errors}) == (TIMES, {True})
            await assert_none_open(pool, url)


async def test_refusals_and_a_raised_fence_keep_few_connections_and_no_more() -> None:
    """A 5xx and a fence that raises break nothing: the same connections serve all, and close with the pool."""

    def fence() -> None:
        raise RuntimeError("raised")

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 503 Not now\r\nContent-Length: 0\r\n\r\n")

    async with peer(talk) as url:
        async with ConnectionPool() as pool:
            assert await fail(pool, url) == []
            errors = await fail(pool, url, fence=fence)
            assert (len(errors), {type(one) for one in errors}) == (TIMES, {RuntimeError})
            statistics = pool.statistics()
            assert (statistics.created <= AT_ONCE, statistics.in_use) == (True, 0)
            assert statistics.idle == sockets_to(url)
        await assert_none_open(pool, url)
