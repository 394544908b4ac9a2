"""Runs that end in the middle: at so many calls of a kind, by a wish or torn down as they stand."""

import asyncio
import contextlib

from ztoq_async.engine import Engine

CASES, EXECUTIONS = 12, 44
MOMENTS = {
    "approving": ("/approve", 4),
    "making cycles": ("/test-cycles", 5),
    "making suites": ("/test-suites", 4),
    "making runs": ("/test-runs", 9),
    "the first log": ("/test-logs", 2),
    "logging": ("/test-logs", 20),
}


async def interrupted(move, moment, *, stopped=False):
    """A run that ends when it has sent so many calls of a kind: by a wish, or torn down as it stands."""
    path, number = MOMENTS[moment]
    reached = asyncio.Event()
    sent = 0

    def count(attempt):
        nonlocal sent
        sent += attempt.call.method != "GET" and attempt.call.label.endswith(path)
        if sent >= number:
            reached.set()

    async with Engine(move.settings(), on_attempt=count) as engine:
        report = await ended(engine, engine.run(), reached, stopped=stopped)
        assert report is None or report["outcome"] == "interrupted"


async def ended(engine, work, reached, *, stopped=False):
    """Ends what an engine does when an event is set: by a wish, with its report, or torn down as it stands."""
    running, waiting = asyncio.create_task(work), asyncio.create_task(reached.wait())
    await asyncio.wait([running, waiting], return_when=asyncio.FIRST_COMPLETED)
    assert not running.done()
    if stopped:
        engine.stop()
        return await running
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    return None
