"""What only a program may choose for its process: the event loop, and how often garbage is collected."""

from __future__ import annotations

import asyncio
import gc
import importlib
from collections.abc import Callable

THRESHOLDS = 100_000, 50, 100
"""Records are many objects and no circles: by Python's own thresholds a sixth of a run's CPU goes into looking for some
(docs/performance.md)."""


def runner() -> asyncio.Runner:
    """The runner of the command line: uvloop where the extra `speed` is installed, garbage collected seldom."""
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
    return asyncio.Runner(loop_factory=_loop_factory())


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """What `asyncio.Runner` makes its loop with; None is the standard library's own."""
    try:
        uvloop = importlib.import_module("uvloop")
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory
