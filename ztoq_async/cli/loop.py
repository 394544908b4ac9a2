"""What only a program may choose for its process: event loop, garbage collection, when memory is given back."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import importlib
from collections.abc import Callable

THRESHOLDS = 100_000, 50, 100
"""Records are many objects and no circles: by Python's own thresholds a sixth of a run's CPU goes into looking for some
(docs/performance.md)."""

_MMAP_THRESHOLD, LARGE = -3, 2**18
"""glibc's name for the size from which on memory goes back to the system as soon as it is free, and bytes. By itself it
raises that size to the largest that was freed: pages of lists then leave holes, and a process grows with every list."""


def runner() -> asyncio.Runner:
    """The runner of the command line: uvloop where the extra `speed` is installed, garbage collected seldom.

    It changes the whole process, so only a program calls it, once.
    """
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
    with contextlib.suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, LARGE)
    return asyncio.Runner(loop_factory=_loop_factory())


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """What `asyncio.Runner` makes its loop with; None is the standard library's own."""
    try:
        uvloop = importlib.import_module("uvloop")
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory
