"""The work queue among workers that do not play along: deaf ones, ones that mean the whole program, re-entry."""

import asyncio
import contextlib
import subprocess
import sys
import warnings

import pytest

from ztoq_async import ResourceError, WorkQueue

PROGRAM = """
import asyncio
from ztoq_async import WorkQueue
async def work(item):
    await asyncio.sleep(0.01)
    if item == 1:
        raise {error}
async def main():
    async with WorkQueue(work, workers=2, max_queue_size=10, task_timeout=5.0) as queue:
        for number in range(5):
            await queue.put(number)
        await queue.join()
asyncio.run(main())
"""


async def echo(item):
    """The shortest work."""
    return item


@pytest.mark.parametrize(("error", "code"), [("SystemExit(7)", 7), ("KeyboardInterrupt", -2)])
async def test_what_is_meant_for_the_program_ends_it_in_time(error, code):
    """`SystemExit` and Ctrl-C within a worker end the program as they would without a queue: no hang."""
    run = [sys.executable, "-c", PROGRAM.format(error=error)]
    done = await asyncio.to_thread(subprocess.run, run, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode in (code, 130 if code == -2 else code), done.stderr


@pytest.mark.slow
async def test_deaf_workers_cannot_keep_the_queue_open():
    """Workers that ignore their cancellation are left behind after 10 s: stopping and leaving both end, and say so."""
    silence = asyncio.Event()

    async def deaf(item):
        while not silence.is_set():
            try:
                await silence.wait()
            except asyncio.CancelledError:
                continue

    with contextlib.ExitStack() as stack:
        stack.callback(silence.set)
        heard = stack.enter_context(warnings.catch_warnings(record=True))
        warnings.simplefilter("always")
        async with asyncio.timeout(25):
            async with WorkQueue(deaf, workers=2, max_queue_size=4, task_timeout=60.0) as queue:
                tickets = [await queue.put(number) for number in range(4)]
                await asyncio.sleep(0.01)
                await queue.stop()
                assert [(await queue.result(ticket)).state for ticket in tickets] == ["cancelled"] * 4
    await asyncio.sleep(0.01)
    assert [one for one in heard if issubclass(one.category, ResourceWarning)]
    assert len(asyncio.all_tasks()) == 1


async def test_a_queue_has_one_life():
    """Entered twice, or again after it was left, is a named error; so is putting before and after."""
    queue = WorkQueue(echo, workers=1, max_queue_size=4, task_timeout=1.0)
    with pytest.raises(ResourceError):
        await queue.put(1)
    async with queue:
        ticket = await queue.put(1)
        with pytest.raises(ResourceError):
            await queue.__aenter__()
        await queue.close()
        await queue.close()
        with pytest.raises(ResourceError):
            await queue.put(2)
    with pytest.raises(ResourceError):
        await queue.put(2)
    with pytest.raises(ResourceError):
        await queue.__aenter__()
    assert (await queue.result(ticket)).value == 1


async def test_waiting_for_nothing_is_over_at_once():
    """An empty queue joins, closes and is read to its end without an item."""
    async with asyncio.timeout(1), WorkQueue(echo, workers=2, max_queue_size=1, task_timeout=1.0) as queue:
        await queue.join()
        await queue.close()
        assert [completion async for completion in queue] == []


async def test_a_joiner_who_is_cancelled_harms_nobody():
    """The others still hear of the end."""
    go = asyncio.Event()

    async def work(item):
        await go.wait()

    async with asyncio.timeout(3), WorkQueue(work, workers=1, max_queue_size=2, task_timeout=2.0) as queue:
        await queue.put(1)
        joining = [asyncio.create_task(queue.join()) for _ in range(3)]
        await asyncio.sleep(0.01)
        joining[0].cancel()
        go.set()
        outcomes = await asyncio.gather(*joining, return_exceptions=True)
    assert [type(one) for one in outcomes] == [asyncio.CancelledError, type(None), type(None)]
