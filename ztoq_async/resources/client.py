"""What the clients of both services have in common: a gateway, and the closing of what they own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Self

from ztoq_async.access import LimitSettings
from ztoq_async.errors import ResourceError
from ztoq_async.resources.calls import Answer, Attempt, Call
from ztoq_async.resources.connector import ConnectionPool
from ztoq_async.resources.gateway import Gateway
from ztoq_async.resources.limiter import AdaptiveRate


class ServiceClient:
    """A client of one service: `async with`, or `await client.cleanup()` (also `aclose()`) when done.

    Without a `pool` it opens one of its own at its first call, and closes it in the end; what it was given it leaves
    open. It belongs to the event loop of its first call.
    """

    def __init__(
        self,
        name: str,
        base_url: str,
        authorise: Callable[[bool], Awaitable[str]],
        limits: LimitSettings,
        *,
        per_minute: int,
        month_calls: int = 0,
        pool: ConnectionPool | None = None,
        fence: Callable[[], None] | None = None,
        on_attempt: Callable[[Attempt], None] | None = None,
    ) -> None:
        self._pool = pool or ConnectionPool(limit=limits.in_flight)
        self._owns = pool is None
        self._began = self._closed = False
        self.gateway = Gateway(
            self._pool,
            name=name,
            base_url=base_url,
            in_flight=limits.in_flight,
            rate=AdaptiveRate(per_minute, limits.share),
            authorise=authorise,
            attempt_timeout=limits.attempt_timeout_s,
            tries=limits.tries,
            fence=fence,
            month_calls=month_calls,
            on_attempt=on_attempt,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.cleanup()

    async def send(self, call: Call) -> Answer:
        """One call, settled as protocol rule 4 says; raises what `Gateway.send` raises."""
        if self._closed:
            raise ResourceError(f"this {type(self).__name__} is closed")
        if self._owns and not self._began:
            self._began = True
            await self._pool.__aenter__()
        return await self.gateway.send(call)

    async def cleanup(self) -> None:
        """Closes what this client owns, and nobody else's pool; may be called again."""
        self._closed = True
        self.gateway.close()
        if self._owns:
            await self._pool.close()

    aclose = cleanup
