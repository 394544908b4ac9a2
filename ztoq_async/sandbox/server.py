"""Both services on free or given ports of 127.0.0.1, in the running event loop."""

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import msgspec
from aiohttp import web

from ztoq_async.sandbox.counting import House
from ztoq_async.sandbox.faults import FaultInjector, qtest_error, zephyr_error
from ztoq_async.sandbox.profile import Profile, ProfileHolder
from ztoq_async.sandbox.qtest.app import build_app as build_qtest
from ztoq_async.sandbox.qtest.state import QTestState
from ztoq_async.sandbox.source import Source
from ztoq_async.sandbox.zephyr.answers import own_addresses
from ztoq_async.sandbox.zephyr.app import PREFIX
from ztoq_async.sandbox.zephyr.app import build_app as build_zephyr
from ztoq_async.sandbox.zephyr.state import ZephyrState

HOST = "127.0.0.1"
CLOSING_S = 1.0


@dataclass(frozen=True, slots=True)
class ZephyrService:
    """Where the source is: `base_url` ends in `/v2`, `project` is its key."""

    base_url: str
    token: str = field(repr=False)
    project: str


@dataclass(frozen=True, slots=True)
class QTestService:
    """Where the target is: `base_url` is the site's root, `project` its id."""

    base_url: str
    token: str = field(repr=False)
    project: int


class Sandbox:
    """`async with Sandbox(source) as sandbox:` serves both until the block ends; closing takes at most seconds.

    `seed` decides tokens, ids and the users of the target; the profile has a seed of its own for its faults.
    """

    zephyr: ZephyrService
    qtest: QTestService

    def __init__(
        self,
        source: Source,
        *,
        profile: Profile | None = None,
        seed: int = 0,
        zephyr_port: int = 0,
        qtest_port: int = 0,
    ) -> None:
        self._source = source
        self._profile = ProfileHolder(profile or Profile())
        self._seed = seed
        self._ports = zephyr_port, qtest_port
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            zephyr_port = await stack.enter_async_context(_serving(self._zephyr_app(), self._ports[0]))
            qtest_port = await stack.enter_async_context(_serving(self._qtest_app(), self._ports[1]))
            self._stack = stack.pop_all()
        key = self._source.catalogue.project_key
        self.zephyr = ZephyrService(f"http://{HOST}:{zephyr_port}{PREFIX}", self._zephyr_state.token, key)
        self.qtest = QTestService(f"http://{HOST}:{qtest_port}", self._qtest_state.token, self._qtest_state.project_id)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    @property
    def credentials(self) -> tuple[str, str]:
        """User and password of qTest's password grant, for clients that log in instead of using the token."""
        return self._qtest_state.username, self._qtest_state.password

    def _zephyr_app(self) -> web.Application:
        self._zephyr_state = ZephyrState(self._source, self._profile, source_token(self._seed))
        injector = FaultInjector("zephyr", zephyr_error)
        self._profile.listen(lambda profile: injector.use(profile.seed, profile.zephyr))
        house = House(self._zephyr_state, self._profile, PREFIX, own_addresses)
        return build_zephyr(self._zephyr_state, (house.middleware, injector.middleware))

    def _qtest_app(self) -> web.Application:
        self._qtest_state = QTestState(self._seed)
        injector = FaultInjector("qtest", qtest_error)
        self._profile.listen(self._speak)
        self._profile.listen(lambda profile: injector.use(profile.seed, profile.qtest))
        house = House(self._qtest_state, self._profile)
        middlewares = (house.middleware, injector.middleware)
        return build_qtest(self._qtest_state, middlewares)

    def _speak(self, profile: Profile) -> None:
        self._qtest_state.dialect = profile.dialect


def source_token(seed: int) -> str:
    """The token of the Zephyr side, shaped like a JWT; the same for the same seed."""
    signature = hashlib.sha256(f"sandbox {seed}".encode()).hexdigest()
    parts = {"alg": "HS256", "typ": "JWT"}, {"iss": "sandbox", "sub": f"seed-{seed}"}, {"signature": signature}
    return ".".join(base64.urlsafe_b64encode(msgspec.json.encode(part)).rstrip(b"=").decode() for part in parts)


@asynccontextmanager
async def _serving(app: web.Application, port: int) -> AsyncIterator[int]:
    """The port on which the application is served."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=CLOSING_S)
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, port).start()
        yield int(runner.addresses[0][1])
    finally:
        async with asyncio.timeout(5 * CLOSING_S):
            await runner.cleanup()
