"""What becomes of a call when the service, the network or the token fails: real servers, aiohttp's and raw ones."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from aiohttp import client_exceptions, web

from ztoq_async.errors import (
    FenceError,
    Forbidden,
    NotFound,
    NotSent,
    OutcomeUnknown,
    QuotaExhausted,
    Refused,
    SettingsError,
    Unauthorised,
    Unreachable,
    ZtoqError,
)
from ztoq_async.resources import outcomes, tries
from ztoq_async.resources.breaker import CircuitBreaker, Circuits, State
from ztoq_async.resources.calls import Attempt, Call
from ztoq_async.resources.connector import ConnectionPool
from ztoq_async.resources.gateway import Gateway
from ztoq_async.resources.limiter import AdaptiveRate

GET = Call("GET", "/things", label="/things")
POST = Call("POST", "/things", body=b"{}", label="/things")
TOKEN = "eyJhbGciOi.secret.token"

Respond = Callable[[web.Request], Awaitable[web.StreamResponse]]
Raw = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Backoff in milliseconds."""
    monkeypatch.setattr(tries, "FIRST_BACKOFF", 0.002)


@pytest.fixture
async def pool() -> AsyncIterator[ConnectionPool]:
    async with ConnectionPool() as pool:
        yield pool


@asynccontextmanager
async def service(respond: Respond) -> AsyncIterator[str]:
    async def handle(request: web.Request) -> web.StreamResponse:
        return await respond(request)

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def raw_service(talk: Raw) -> AsyncIterator[str]:
    talks: set[asyncio.Task[Any]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        talks.add(task)
        try:
            await reader.readuntil(b"\r\n\r\n")
            await talk(reader, writer)
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in talks:
            task.cancel()
        await asyncio.gather(*talks, return_exceptions=True)


def gate(pool: ConnectionPool, base_url: str, **settings: Any) -> Gateway:
    async def authorise(refresh: bool) -> str:
        return f"Bearer {TOKEN}"

    given: dict[str, Any] = {"in_flight": 8, "rate": AdaptiveRate(600_000), "authorise": authorise, "tries": 3}
    return Gateway(pool, name="qtest", base_url=base_url, **(given | settings))


class Script:
    """Answers with these responses one after the other, the last one again and again; counts requests."""

    def __init__(self, *makers: Callable[[], web.Response]) -> None:
        self.makers = list(makers)
        self.seen: list[web.Request] = []

    async def __call__(self, request: web.Request) -> web.Response:
        await request.read()
        self.seen.append(request)
        return self.makers[min(len(self.seen), len(self.makers)) - 1]()


def says(status: int, body: str = '{"id": 1}', content_type: str = "application/json", **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda: web.Response(status=status, text=body, content_type=content_type, headers=named)


async def test_a_good_answer_comes_back_whole(pool: ConnectionPool) -> None:
    """Method, path, query, body and token arrive; status, headers in lower case and body come back."""
    script = Script(says(201, '{"id": 7}', X_Kind="case"))
    async with service(script) as url:
        call = Call("POST", "/a%20b", query=(("q", "x y"), ("q", "é")), body=b'{"name": "n"}')
        answer = await gate(pool, url + "/").send(call)
    request = script.seen[0]
    assert (answer.status, answer.body, answer.headers["x-kind"]) == (201, b'{"id": 7}', "case")
    assert (request.raw_path.split("?")[0], request.query.getall("q")) == ("/a%20b", ["x y", "é"])
    assert (request.headers["Authorization"], request.content_type) == (f"Bearer {TOKEN}", "application/json")
    assert await request.read() == b'{"name": "n"}'


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
async def test_a_call_that_changes_nothing_is_sent_again(pool: ConnectionPool, status: int) -> None:
    """408 and 5xx are tried again until a good answer comes."""
    script = Script(says(status), says(status), says(200))
    async with service(script) as url:
        gateway = gate(pool, url)
        assert (await gateway.send(GET)).status == 200
    assert len(script.seen) == 3
    assert gateway.statistics().calls == {("GET /things", status): 2, ("GET /things", 200): 1}
    assert gateway.statistics().retried == 2


async def test_a_call_that_changes_nothing_is_given_up_after_its_tries(pool: ConnectionPool) -> None:
    """The request count is the tries, not their power: retries are in one place."""
    script = Script(says(500))
    async with service(script) as url:
        with pytest.raises(Unreachable, match="GET /things answered 500"):
            await gate(pool, url, tries=4).send(GET)
    assert len(script.seen) == 4


@pytest.mark.parametrize("status", [302, 405, 408, 410, 500, 502, 503, 504])
async def test_an_unclear_answer_to_a_change_is_in_doubt_and_never_sent_again(
    pool: ConnectionPool, status: int
) -> None:
    """Rule 4: everything that does not prove "not applied" is OutcomeUnknown after exactly one request."""
    script = Script(says(status, Location="/elsewhere"))
    async with service(script) as url:
        with pytest.raises(OutcomeUnknown) as caught:
            await gate(pool, url).send(POST)
    assert len(script.seen) == 1
    assert (caught.value.status, caught.value.method, caught.value.path) == (status, "POST", "/things")


@pytest.mark.parametrize("call", [GET, POST], ids=["get", "post"])
@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, Refused), (403, Forbidden), (404, NotFound), (409, Refused), (413, Refused), (422, Refused)],
)
async def test_a_refusal_is_final(pool: ConnectionPool, call: Call, status: int, kind: type[Refused]) -> None:
    """A refused call is sent once, and its error has the service's own words."""
    script = Script(says(status, '{"message": "no such\\u0007 folder"}'))
    async with service(script) as url:
        with pytest.raises(kind, match=r"answered .*: no such folder") as caught:
            await gate(pool, url).send(call)
    assert type(caught.value) is kind
    assert (len(script.seen), caught.value.status, caught.value.service) == (1, status, "qtest")


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


async def test_a_download_may_be_html(pool: ConnectionPool) -> None:
    """An attachment is bytes, whatever its type says."""
    async with service(Script(says(200, "<p>", "text/html"))) as url:
        assert (await gate(pool, url).send(Call("GET", "/file", raw=True))).body == b"<p>"


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


async def test_a_throttled_call_waits_and_goes_through(pool: ConnectionPool) -> None:
    """429 is not applied: a change is sent again, after Retry-After, and it costs none of its tries."""
    script = Script(*[says(429, Retry_After="0.05")] * 5, says(201))
    async with service(script) as url:
        gateway = gate(pool, url, tries=2)
        began = time.monotonic()
        assert (await gateway.send(POST)).status == 201
    assert time.monotonic() - began >= 0.25
    assert (gateway.statistics().refused, gateway.statistics().retried) == (5, 5)


def test_retry_after_is_read_as_seconds_and_as_a_date() -> None:
    """Both forms of the header, and nonsense as none."""
    now = datetime(2026, 6, 26, 12, tzinfo=UTC)
    later = format_datetime(now + timedelta(seconds=90), usegmt=True)
    assert outcomes.retry_after({"retry-after": "7"}) == 7
    assert outcomes.retry_after({"retry-after": later}, now) == 90
    assert outcomes.retry_after({"retry-after": "soon"}) is None
    assert outcomes.retry_after({}) is None


async def test_a_stale_token_is_renewed_once_for_all(pool: ConnectionPool) -> None:
    """Twenty calls refused with one token lead to one renewal, and all of them go through."""
    asked: list[bool] = []

    async def authorise(refresh: bool) -> str:
        asked.append(refresh)
        await asyncio.sleep(0.01)
        return "Bearer new" if refresh else "Bearer old"

    async def respond(request: web.Request) -> web.Response:
        return web.json_response({}, status=200 if request.headers["Authorization"] == "Bearer new" else 401)

    async with service(respond) as url:
        gateway = gate(pool, url, authorise=authorise, in_flight=20)
        answers = await asyncio.gather(*(gateway.send(POST) for _ in range(20)))
    assert {answer.status for answer in answers} == {200}
    assert asked == [False, True]


async def test_a_token_that_stays_refused_is_an_error(pool: ConnectionPool) -> None:
    """401 also with the fresh token: Unauthorised, without another round, for this call and for the next."""
    renewed = 0

    async def authorise(refresh: bool) -> str:
        nonlocal renewed
        renewed += refresh
        return f"Bearer {renewed}"

    script = Script(says(401))
    async with service(script) as url:
        gateway = gate(pool, url, authorise=authorise)
        for _ in range(2):
            with pytest.raises(Unauthorised):
                await gateway.send(GET)
    assert (renewed, len(script.seen)) == (1, 3)


async def test_the_login_goes_through_the_same_gateway(pool: ConnectionPool) -> None:
    """A call with its own authorisation may be sent from within `authorise`, even with one token in flight."""
    login = Call("POST", "/oauth/token", safe=True, authorisation="Basic bmFtZTo=")

    async def authorise(refresh: bool) -> str:
        await gateway.send(login)
        return "Bearer x"

    script = Script(says(200))
    async with service(script) as url:
        gateway = gate(pool, url, authorise=authorise, in_flight=1)
        await gateway.send(GET)
    assert [request.headers["Authorization"] for request in script.seen] == ["Basic bmFtZTo=", "Bearer x"]


async def test_no_error_shows_the_token(pool: ConnectionPool) -> None:
    """A service that echoes the token, and a message without end, do not get into the error's text."""
    script = Script(says(400, f"you sent {TOKEN} " + "x" * 5000, "text/plain"))
    async with service(script) as url:
        with pytest.raises(Refused) as caught:
            await gate(pool, url).send(POST)
    assert TOKEN not in str(caught.value)
    assert "you sent ***" in str(caught.value)
    assert len(str(caught.value)) < 400
    assert TOKEN not in repr(Call("GET", "/x", authorisation=TOKEN))


async def test_the_fence_is_asked_when_connected_and_before_writing(pool: ConnectionPool) -> None:
    """A fence that raises after the connection was made keeps every byte from the wire, and counts as not sent."""
    arrived: list[bytes] = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        arrived.append(await reader.read())
        writer.close()

    def fence() -> None:
        assert pool.statistics().created == 1
        raise FenceError("the lease is over")

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        gateway = gate(pool, f"http://127.0.0.1:{port}", fence=fence)
        with pytest.raises(FenceError):
            await gateway.send(POST)
        assert gateway.statistics().sent == 0
        await pool.close()
        await asyncio.sleep(0.05)
    assert arrived == [b""]


async def test_the_month_ends_the_run(pool: ConnectionPool) -> None:
    """Neither the setting's calls nor the service's own counter is overdrawn; the answer that says 0 still counts."""
    script = Script(says(200), says(200, x_ratelimit_remaining_month="0"))
    async with service(script) as url:
        gateway = gate(pool, url)
        await gateway.send(GET)
        await gateway.send(GET)
        with pytest.raises(QuotaExhausted):
            await gateway.send(GET)
        bounded = gate(pool, url, month_calls=2, in_flight=8)
        script.makers = [says(200)]
        results = await asyncio.gather(*(bounded.send(GET) for _ in range(6)), return_exceptions=True)
    assert sum(isinstance(result, QuotaExhausted) for result in results) == 4
    assert len(script.seen) == 4


async def test_an_endpoint_that_is_down_gets_one_probe_and_then_all_calls(pool: ConnectionPool) -> None:
    """An open circuit makes callers wait within their tries; after the probe's success they all go through."""
    down = True
    hits = 0

    async def respond(request: web.Request) -> web.Response:
        nonlocal hits
        hits += 1
        return web.json_response({}, status=500 if down else 200)

    circuits = Circuits(lambda name: CircuitBreaker(name, window=4, threshold=0.5, open_for=0.2))
    async with service(respond) as url:
        gateway = gate(pool, url, circuits=circuits, tries=4)
        failed = await asyncio.gather(*(gateway.send(POST) for _ in range(2)), return_exceptions=True)
        assert [type(error) for error in failed] == [OutcomeUnknown] * 2
        circuit = circuits.of("POST /things")
        assert circuit.state is State.OPEN
        down = False
        began = time.monotonic()
        await asyncio.gather(*(gateway.send(POST) for _ in range(20)))
    assert 0.15 < time.monotonic() - began < 0.6
    assert (circuit.state, hits) == (State.CLOSED, 22)


async def test_no_more_calls_are_in_flight_than_allowed(pool: ConnectionPool) -> None:
    """The bound holds at the server, and a cancelled caller gives its place and its connection back."""
    now = most = 0

    async def respond(request: web.Request) -> web.Response:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.02)
        now -= 1
        return web.json_response({})

    async with service(respond) as url:
        gateway = gate(pool, url, in_flight=3)
        doomed = [asyncio.create_task(gateway.send(POST)) for _ in range(10)]
        await asyncio.sleep(0.01)
        for task in doomed:
            task.cancel()
        await asyncio.gather(*doomed, return_exceptions=True)
        assert pool.statistics().in_use == 0
        now = most = 0
        await asyncio.gather(*(gateway.send(POST) for _ in range(12)))
    assert most == 3
    assert gateway.circuits.of("POST /things").is_idle


async def test_each_attempt_is_reported(pool: ConnectionPool) -> None:
    """The hook sees every request in order, with status or failure, and the time it took."""
    attempts: list[Attempt] = []
    async with service(Script(says(500), says(200))) as url:
        await gate(pool, url, on_attempt=attempts.append).send(GET)
    assert [(attempt.call, attempt.status, attempt.failure) for attempt in attempts] == [(GET, 500, ""), (GET, 200, "")]
    assert all(0 < attempt.seconds < 5 for attempt in attempts)


@pytest.mark.parametrize("url", ["qtest.example", "ftp://x/y", "https://user:pass@x", "", "http://[broken"])
async def test_a_wrong_base_url_is_named_at_once(pool: ConnectionPool, url: str) -> None:
    """The setting's name is in the message, a password in it is not."""
    with pytest.raises(SettingsError, match=r"qtest\.base_url") as caught:
        gate(pool, url)
    assert "pass@" not in str(caught.value)


async def test_an_answer_that_is_too_large_is_not_read(unused_tcp_port: int) -> None:
    """Compressed megabytes beyond the bound are an error of this package, and the connection is closed."""

    async def respond(request: web.Request) -> web.Response:
        response = web.Response(body=b"0" * 3_000_000, content_type="application/json")
        response.enable_compression(web.ContentCoding.gzip)
        return response

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
