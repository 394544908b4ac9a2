"""A proxy before each service that keeps what went through: `async with Recorder(services) as recorder`."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Any, Self

from aiohttp import ClientSession, ClientTimeout, TCPConnector, web
from yarl import URL

from benchmarks.recorded.exchange import Exchange, Recording

TIMEOUT = ClientTimeout(total=120)
HOST = "127.0.0.1"


class Recorder:
    """`services` are the same tables as the sandbox's, with the proxies' addresses."""

    def __init__(self, services: dict[str, Any]) -> None:
        self._real = services
        self._stack = AsyncExitStack()
        self.recording: Recording = {name: [] for name in services}
        self.services: dict[str, Any] = {}

    async def __aenter__(self) -> Self:
        self._session = await self._stack.enter_async_context(ClientSession(connector=TCPConnector(limit=0)))
        for name, service in self._real.items():
            url = URL(service["base_url"])
            port = await self._serve(name, url.origin())
            self.services[name] = {**service, "base_url": str(url.with_port(port)).rstrip("/")}
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def forget(self) -> None:
        """What went through until now does not count."""
        for exchanges in self.recording.values():
            exchanges.clear()

    async def _serve(self, name: str, origin: URL) -> int:
        async def forward(request: web.Request) -> web.Response:
            target, body = request.raw_path, await request.read()
            headers = {key: request.headers[key] for key in ("Authorization", "Content-Type") if key in request.headers}
            url = URL(str(origin) + target, encoded=True)
            async with self._session.request(
                request.method, url, data=body, headers=headers, timeout=TIMEOUT
            ) as response:
                answer = await response.read()
            self.recording[name].append(Exchange(request.method, target, body, response.status, answer))
            return web.Response(status=response.status, body=answer, content_type=response.content_type)

        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_route("*", "/{any:.*}", forward)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, HOST, 0).start()
        return int(runner.addresses[0][1])
