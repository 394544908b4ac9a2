"""Waiting for a monitor to look again."""

import asyncio

from ztoq_async.resources.monitor import ResourceMonitor

PATIENCE_S = 30.0


async def looked(monitor: ResourceMonitor, times: int = 2) -> None:
    """Until so many more looks were taken; the first of them may have begun before."""
    for _ in range(times):
        seen = asyncio.Event()
        monitor.register("seen", lambda seen=seen: seen.set() or 1)
        await asyncio.wait_for(seen.wait(), PATIENCE_S)
    monitor.unregister("seen")
