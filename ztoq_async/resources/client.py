"""What the clients of both services have in common: a gateway, and the closing of what they own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Self

from ztoq_async.resources.gateway import Gateway


class ServiceClient:
    """A client of one service. `async with`, or `await client.cleanup()`; what it does not own it leaves open."""

    def __init__(self, gateway: Gateway, *, owned: Callable[[], Awaitable[None]] | None = None) -> None:
        self.gateway = gateway
        self._owned = owned

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.cleanup()

    async def cleanup(self) -> None:
        """Closes what this client owns, and nobody else's pool; may be called again."""
        owned, self._owned = self._owned, None
        if owned is not None:
            await owned()
