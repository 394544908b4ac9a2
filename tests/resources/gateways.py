"""Real servers, aiohttp's and raw ones, and gateways to them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from ztoq_async.resources.calls import Call
from ztoq_async.resources.connector import ConnectionPool
from ztoq_async.resources.gateway import Gateway
from ztoq_async.resources.limiter import AdaptiveRate

GET = Call("GET", "/things", label="/things")
POST = Call("POST", "/things", body=b"{}", label="/things")
TOKEN = "eyJhbGciOi.secret.token"

Respond = Callable[[web.Request], Awaitable[web.StreamResponse]]
Raw = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


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
