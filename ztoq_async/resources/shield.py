"""Work that must reach its end although the caller is cancelled: giving back a connection, stopping a server."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import anyio

T = TypeVar("T")


async def shielded(work: Coroutine[Any, Any, T], *, timeout: float) -> T:
    """Await `work` for at most `timeout` seconds; a cancellation (asyncio's or anyio's) is raised only after its end.

    Raises TimeoutError when the time is up. An error of the work gives way to a pending cancellation.
    """
    task = asyncio.ensure_future(_bounded(work, timeout))
    cancelled: asyncio.CancelledError | None = None
    with anyio.CancelScope(shield=True):  # else anyio cancels again at every turn of the loop
        while not task.done():
            try:
                await asyncio.wait([task])
            except asyncio.CancelledError as error:
                cancelled = error
    if cancelled is not None:
        if not task.cancelled():
            task.exception()  # seen, so that the loop does not complain about it
        raise cancelled
    return task.result()


async def _bounded(work: Coroutine[Any, Any, T], timeout: float) -> T:
    async with asyncio.timeout(timeout):
        return await work
