"""A gateway and its circuits: what opens one, who probes, who waits, what is told; and the gateway's end."""

import asyncio
import itertools
import time
from typing import Any

import pytest
from aiohttp import web
from gateways import GET, POST, TOKEN, Script, gate, raw_service, says, service

from ztoq_async.errors import (
    OutcomeUnknown,
    Refused,
    ResourceError,
    ServiceError,
    Unreachable,
)
from ztoq_async.resources import tries
from ztoq_async.resources.breaker import CircuitBreaker, CircuitEvent, Circuits, State
from ztoq_async.resources.calls import Call
from ztoq_async.resources.connector import ConnectionPool
from ztoq_async.resources.limiter import AdaptiveRate

pytestmark = pytest.mark.usefixtures("quick")


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
        await asyncio.sleep(0.1)  # the server finishes what it was sent before, also what it had not read yet
        assert now == 0
        most = 0
        await asyncio.gather(*(gateway.send(POST) for _ in range(12)))
    assert most == 3
    assert gateway.circuits.of("POST /things").is_idle


def circuits(**settings: Any) -> Circuits:
    return Circuits(lambda name: CircuitBreaker(name, **({"window": 4, "threshold": 0.5, "open_for": 0.2} | settings)))


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (400, "closed"),
        (401, "closed"),
        (404, "closed"),
        (409, "closed"),
        (422, "closed"),
        (429, "closed"),
        (500, "open"),
        (502, "open"),
        (503, "open"),
        (504, "open"),
    ],
)
async def test_only_what_speaks_of_the_endpoint_opens_its_circuit(
    pool: ConnectionPool, status: int, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """5xx does; 4xx never does: a wrong call, a stale token and a pace that is too fast are ours."""
    monkeypatch.setattr(tries, "PATIENCE", 0.0)
    async with service(Script(says(status))) as url:
        rate = AdaptiveRate(600_000)
        gateway = gate(pool, url, circuits=circuits(open_for=60.0), tries=1, rate=rate)
        for _ in range(4):
            monkeypatch.setattr(rate, "_paused_until", 0.0)
            with pytest.raises(ServiceError):
                await asyncio.wait_for(gateway.send(POST), 5)
        assert gateway.circuits.of(POST.endpoint).state == state


async def test_time_outs_and_refused_connections_open_a_circuit(pool: ConnectionPool, unused_tcp_port: int) -> None:
    """An endpoint that does not answer, and one that nobody serves, are not asked by all."""

    async def stalls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with raw_service(stalls) as silent:
        for url in (silent, f"http://127.0.0.1:{unused_tcp_port}"):
            gateway = gate(pool, url, circuits=circuits(open_for=60.0), tries=1, attempt_timeout=0.05)
            for _ in range(2):
                with pytest.raises(Unreachable):
                    await gateway.send(GET)
            assert gateway.circuits.of(GET.endpoint).state is State.OPEN


async def test_a_throttled_or_cancelled_probe_or_one_that_is_too_large_decides_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Such a probe neither closes the circuit nor keeps others from probing: the next call is the next probe."""
    monkeypatch.setattr(tries, "PATIENCE", 0.0)
    answers = [says(500), says(500), says(429), says(200, "x" * 5000), says(200)]
    script, held = Script(*answers), asyncio.Event()

    async def respond(request: web.Request) -> web.StreamResponse:
        if request.query_string:
            await held.wait()
        return await script(request)

    async with service(respond) as url, ConnectionPool(max_body=1000) as pool:
        rate = AdaptiveRate(600_000)
        gateway = gate(pool, url, circuits=circuits(open_for=0.05), tries=1, rate=rate)
        circuit = gateway.circuits.of(GET.endpoint)
        for _ in range(2):
            with pytest.raises(Unreachable):
                await gateway.send(GET)
        await asyncio.sleep(0.06)
        slow = asyncio.create_task(gateway.send(Call("GET", "/things", query=(("slow", "1"),), label=GET.label)))
        await asyncio.sleep(0.03)
        assert circuit.state is State.HALF_OPEN
        slow.cancel()
        for kind in (asyncio.CancelledError, Unreachable, Refused):
            with pytest.raises(kind):
                await (slow if kind is asyncio.CancelledError else gateway.send(GET))
            monkeypatch.setattr(rate, "_paused_until", 0.0)
            assert circuit.state is State.OPEN
        assert (await gateway.send(GET)).status == 200
        assert circuit.state is State.CLOSED
    held.set()


async def test_changes_of_a_circuit_are_told_and_logged(pool: ConnectionPool, caplog: pytest.LogCaptureFixture) -> None:
    """Opening is a warning, the way back is information; neither shows the token."""
    caplog.set_level("INFO", "ztoq_async")
    events: list[CircuitEvent] = []
    async with service(Script(says(500), says(500), says(500), says(200))) as url:
        gateway = gate(pool, url, circuits=circuits(open_for=0.02), tries=20, on_change=events.append)
        await gateway.send(GET)
    turns = ["closed", "open", "half-open", "open", "half-open", "closed"]
    assert [(event.name, event.before, event.after) for event in events] == [
        (GET.endpoint, before, after) for before, after in itertools.pairwise(turns)
    ]
    ours = [record for record in caplog.records if record.name.startswith("ztoq_async")]
    told = [(record.levelname, record.getMessage()) for record in ours]
    assert [level for level, _ in told] == ["WARNING", "INFO", "INFO", "INFO", "INFO"]
    assert told[0][1] == "qtest: the circuit of GET /things was closed and is open"
    assert TOKEN not in caplog.text


async def test_who_finds_the_circuit_open_waits_as_long_as_the_service_asked(pool: ConnectionPool) -> None:
    """503 with Retry-After holds the probe back: the others wait as long, rather than use up their tries."""
    script = Script(says(503, Retry_After="1"), says(503, Retry_After="1"), says(200))
    async with service(script) as url:
        gateway = gate(pool, url, circuits=circuits(open_for=0.01), tries=4)
        answers = await asyncio.gather(*(gateway.send(GET) for _ in range(8)))
    assert {answer.status for answer in answers} == {200}


async def test_a_closed_gateway_forgets_its_circuits_and_sends_no_more(pool: ConnectionPool) -> None:
    """Closing twice does no harm, and leaves the pool to its owner."""
    async with service(Script(says(200))) as url:
        gateway, other = gate(pool, url), gate(pool, url)
        await gateway.send(GET)
        gateway.close()
        gateway.close()
        assert list(gateway.circuits) == []
        with pytest.raises(ResourceError, match="closed"):
            await gateway.send(GET)
        assert (await other.send(GET)).status == 200


async def test_a_gateway_belongs_to_one_loop(pool: ConnectionPool) -> None:
    """Use from another loop, or from a thread without one, is a named error."""
    async with service(Script(says(200))) as url:
        gateway = gate(pool, url)
        await gateway.send(GET)
        with pytest.raises(ResourceError, match="Gateway belongs to another event loop"):
            await asyncio.to_thread(asyncio.run, gateway.send(GET))
        sending = gateway.send(GET)
        with pytest.raises(ResourceError, match="Gateway belongs to another event loop or thread"):
            await asyncio.to_thread(sending.send, None)


async def test_a_slow_probe_costs_those_who_wait_no_try(pool: ConnectionPool) -> None:
    """The probe's answer comes long after the pause: everybody waits for it, and goes through."""
    seen: list[str] = []

    async def respond(_: web.Request) -> web.Response:
        seen.append("")
        if len(seen) <= 2:
            return web.Response(status=503)
        if len(seen) == 3:
            await asyncio.sleep(0.5)
        return web.json_response({})

    async with service(respond) as url:
        gateway = gate(pool, url, circuits=circuits(open_for=0.02), tries=3)
        answers = await asyncio.gather(*(gateway.send(GET) for _ in range(8)))
    assert {answer.status for answer in answers} == {200}


async def test_a_gateway_that_is_closed_lets_no_call_be_tried_again(pool: ConnectionPool) -> None:
    """What was on its way may be answered; nothing is sent after that."""
    script = Script(says(500))
    async with service(script) as url:
        gateway = gate(pool, url, tries=50)
        sending = asyncio.create_task(gateway.send(GET))
        while not script.seen:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        gateway.close()
        with pytest.raises(ResourceError, match="closed"):
            await sending
        sent = len(script.seen)
        assert sent <= 2
        await asyncio.sleep(0.1)
        assert len(script.seen) == sent
