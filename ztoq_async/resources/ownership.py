"""A resource belongs to the event loop that opened it, and somebody must close it."""

from __future__ import annotations

import asyncio
import warnings

from ztoq_async.errors import ResourceError


def loop_here() -> asyncio.AbstractEventLoop | None:
    """The event loop that runs in this thread, None without one."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def check_loop(loop: asyncio.AbstractEventLoop | None, what: str) -> None:
    """Raises ResourceError unless `loop` is the one that runs here: `what` is used elsewhere, or is not open."""
    try:
        if asyncio.get_running_loop() is loop:  # for each request more than once: so the usual case comes first
            return
    except RuntimeError:
        pass
    if loop is None:
        raise ResourceError(f"this {what} is not open: use it inside `async with`")
    raise ResourceError(f"this {what} belongs to another event loop or thread: open one in each loop")


def warn_left_open(what: str, source: object) -> None:
    """The ResourceWarning of something that is thrown away while it is open; for `__del__`."""
    warnings.warn(f"this {what} was left open: use `async with`, or close it", ResourceWarning, 2, source=source)
