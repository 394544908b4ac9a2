"""What becomes of a call when the wire or the answer is broken: real servers, aiohttp's and raw ones."""

import asyncio
import gzip

import pytest
from aiohttp import client_exceptions, web
from gateways import GET, POST, Raw, Script, gate, raw_service, says, service

from ztoq_async.errors import (
    NotSent,
    OutcomeUnknown,
    Refused,
    Unreachable,
    ZtoqError,
)
from ztoq_async.resources import outcomes
from ztoq_async.resources.calls import Call
from ztoq_async.resources.connector import ConnectionPool

pytestmark = pytest.mark.usefixtures("quick")


@pytest.mark.parametrize("body", ["<html>maintenance</html>", '{"id": 1'], ids=["html", "cut"])
async def test_a_success_without_json_proves_nothing(pool: ConnectionPool, body: str) -> None:
    """HTML or half a JSON text under status 200: a read tries again, a change is in doubt."""
    kind = "text/html" if body.startswith("<") else "application/json"
    script = Script(says(200, body, kind))
    async with service(script) as url:
        with pytest.raises(Unreachable):
            await gate(pool, url).send(GET)
        assert len(script.seen) == 3
        with pytest.raises(OutcomeUnknown):
            await gate(pool, url).send(POST)
    assert len(script.seen) == 4


async def test_a_delete_may_be_answered_with_any_words_but_a_page(pool: ConnectionPool) -> None:
    """A sentence under status 200 is an answer; a proxy's page proves nothing."""
    delete = Call("DELETE", "/x")
    script = Script(says(200, "was deleted", "text/plain"), says(200, "<html>maintenance</html>", "text/html"))
    async with service(script) as url:
        assert (await gate(pool, url).send(delete)).status == 200
        with pytest.raises(OutcomeUnknown):
            await gate(pool, url).send(delete)
    assert len(script.seen) == 2


async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def close_at_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def truncate(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"id": 1}')
    await writer.drain()


async def cut_chunks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    writer.write(head + b'9\r\n{"id": 1}\r\n')
    await writer.drain()


async def bad_gzip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\n"
    writer.write(head + b"wrong")
    await writer.drain()


async def garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"\x00\x01 this is not HTTP\r\n\r\n")
    await writer.drain()


async def stall(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(30)


async def stall_in_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"id')
    await asyncio.sleep(30)


FAULTS = [reset, close_at_once, truncate, cut_chunks, bad_gzip, garbage, stall, stall_in_body]


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_broken_exchange_is_retried_only_where_nothing_changes(pool: ConnectionPool, fault: Raw) -> None:
    """Each fault of the wire: a GET uses its tries, a POST and a PUT are in doubt after one request; nothing leaks."""
    requests = 0

    async def counted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal requests
        requests += 1
        await fault(reader, writer)

    async with raw_service(counted) as url:
        gateway = gate(pool, url, attempt_timeout=0.1, unsafe_timeout=0.1)
        with pytest.raises(Unreachable):
            await gateway.send(GET)
        assert requests == 3
        with pytest.raises(OutcomeUnknown):
            await gateway.send(POST)
        with pytest.raises(OutcomeUnknown):
            await gateway.send(Call("PUT", "/things/1/approve"))
        assert requests == 5 == gateway.statistics().sent
    assert (pool.statistics().in_use, pool.statistics().idle) == (0, 0)


async def test_a_put_on_a_connection_that_died_idle_is_not_resent_below_us(pool: ConnectionPool) -> None:
    """aiohttp itself would send a PUT again when a kept connection breaks: approving twice makes 2.0 of 1.0."""
    requests = 0

    async def first_only(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal requests
        requests += 1
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: application/json\r\n\r\n{}")
        await reader.readuntil(b"\r\n\r\n")
        requests += 1

    async with raw_service(first_only) as url:
        gateway = gate(pool, url)
        await gateway.send(GET)
        with pytest.raises(OutcomeUnknown):
            await gateway.send(Call("PUT", "/things/1/approve"))
    assert requests == 2


async def test_a_refused_connection_is_not_sent(pool: ConnectionPool, unused_tcp_port: int) -> None:
    """Nobody listens: a change was surely not applied, also after its tries; a read is unreachable."""
    gateway = gate(pool, f"http://127.0.0.1:{unused_tcp_port}")
    with pytest.raises(NotSent):
        await gateway.send(POST)
    with pytest.raises(Unreachable):
        await gateway.send(GET)
    assert gateway.statistics().sent == 6


async def test_an_answer_that_is_too_large_is_not_read(unused_tcp_port: int) -> None:
    """Compressed megabytes beyond the bound are an error of this package, and the connection is closed."""

    async def respond(request: web.Request) -> web.Response:
        headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
        return web.Response(body=gzip.compress(b"0" * 3_000_000), headers=headers)

    async with ConnectionPool(max_body=1_000_000) as pool, service(respond) as url:
        with pytest.raises(Refused, match="larger than 1000000 bytes"):
            await gate(pool, url).send(GET)
        assert pool.statistics().in_use == 0


def test_no_error_of_the_client_library_leaks() -> None:
    """Every exception that aiohttp defines for requests is mapped to one of ours."""
    named = [getattr(client_exceptions, name) for name in client_exceptions.__all__]
    kinds = [kind for kind in named if kind is not client_exceptions.WSMessageTypeError]
    assert len(kinds) > 20
    for kind in kinds:
        bare = type(kind.__name__, (kind,), {"__init__": lambda self: None, "__str__": lambda self: "broken"})
        for call in (GET, POST):
            error = bare()
            assert isinstance(error, outcomes.WIRE_ERRORS)
            assert isinstance(outcomes.failure("qtest", call, error), ZtoqError)
