"""What becomes of a call: answers, tokens, quotas and the fence, against real servers."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from aiohttp import web
from gateways import GET, POST, TOKEN, Script, gate, says, service

from ztoq_async.errors import (
    FenceError,
    Forbidden,
    NotFound,
    OutcomeUnknown,
    QuotaExhausted,
    Refused,
    SettingsError,
    Unauthorised,
    Unreachable,
)
from ztoq_async.resources import gateway as gateway_module
from ztoq_async.resources import outcomes, tries
from ztoq_async.resources.calls import Answer, Attempt, Call
from ztoq_async.resources.connector import ConnectionPool

pytestmark = pytest.mark.usefixtures("quick")


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


async def test_a_download_may_be_html(pool: ConnectionPool) -> None:
    """An attachment is bytes, whatever its type says."""
    async with service(Script(says(200, "<p>", "text/html"))) as url:
        assert (await gate(pool, url).send(Call("GET", "/file", raw=True))).body == b"<p>"


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


async def test_a_month_that_ran_out_is_said_at_once(pool: ConnectionPool) -> None:
    """The 429 that says so names a long wait: neither its own call nor those that queue behind it keep it."""
    script = Script(says(429, Retry_After="60", X_RateLimit_Remaining_Month="0"))
    async with service(script) as url, asyncio.timeout(5):
        gateway = gate(pool, url, in_flight=2)
        ends = await asyncio.gather(*(gateway.send(POST) for _ in range(5)), return_exceptions=True)
    assert {type(end) for end in ends} == {QuotaExhausted}
    assert len(script.seen) <= 2


async def test_a_token_that_expired_before_it_was_used_is_renewed(
    pool: ConnectionPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A 429 made all wait for longer than the new token lives: that it was never heard to work does not condemn it."""
    monkeypatch.setattr(gateway_module, "FRESH_S", 0.3)
    renewed = 0

    async def authorise(refresh: bool) -> str:
        nonlocal renewed
        renewed += refresh
        return f"Bearer {renewed}"

    script = Script(says(401), says(429, Retry_After="1"), says(401), says(200))
    async with service(script) as url:
        assert (await gate(pool, url, authorise=authorise).send(GET)).status == 200
    assert [request.headers["Authorization"] for request in script.seen] == ["Bearer 0", *["Bearer 1"] * 2, "Bearer 2"]


async def test_calls_that_are_refused_one_after_the_other_wait_together(
    pool: ConnectionPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The patience for 429 is spent once where nothing else comes: the next call gives up at its first refusal."""
    monkeypatch.setattr(tries, "PATIENCE", 0.2)
    script = Script(says(429, Retry_After="0.3"))
    async with service(script) as url:
        gateway = gate(pool, url)
        for _ in range(3):
            with pytest.raises(Unreachable, match="answered 429"):
                await gateway.send(GET)
        assert len(script.seen) == 2 + 1 + 1
        script.makers = [says(200), says(429, Retry_After="0.3")]
        script.seen.clear()
        await gateway.send(GET)
        with pytest.raises(Unreachable, match="answered 429"):
            await gateway.send(GET)
        assert len(script.seen) == 1 + 2


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
    assert TOKEN not in repr(Answer(200, TOKEN.encode(), {"x-token": TOKEN}, 0.0))


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
