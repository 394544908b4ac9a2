"""SIGINT and SIGTERM: the first asks, the second cancels."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def two_signals(first: Callable[[], None]) -> Iterator[None]:
    """While entered, the first signal calls `first` and every further one cancels the current task."""
    loop, task, asked = asyncio.get_running_loop(), asyncio.current_task(), False
    assert task is not None

    def arrived() -> None:
        nonlocal asked
        if asked:
            task.cancel()
        else:
            asked = True
            first()

    for number in SIGNALS:
        loop.add_signal_handler(number, arrived)
    try:
        yield
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)
