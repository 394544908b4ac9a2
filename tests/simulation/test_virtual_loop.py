"""The simulation's event loop: no time passes, the order is the seed's, and what asyncio guarantees holds."""

import asyncio
import contextvars
import random

import pytest
from virtual_loop import PROCESS, STEP_LIMIT, Deadlock, Process, TooManySteps, VirtualLoop


def run(work, seed=0):
    """The result of a coroutine function of the loop, in a loop of its own."""
    loop = VirtualLoop(random.Random(seed))
    try:
        return loop.run_until_complete(work(loop))
    finally:
        loop.close()


def test_time_jumps_to_the_next_timer():
    """A sleep of a day takes none of ours, and time-outs come in their order."""

    async def work(loop):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3600):
                await asyncio.sleep(86400)
        return loop.time()

    assert run(work) == 3600


def test_tasks_go_on_in_an_order_of_the_seed():
    """Every order comes up, the same one for the same seed."""

    async def work(loop):
        order = []

        async def one(number):
            await asyncio.sleep(0)
            order.append(number)

        await asyncio.gather(*(one(number) for number in range(3)))
        return tuple(order)

    orders = [run(work, seed) for seed in range(100)]
    assert len(set(orders)) == 6
    assert orders == [run(work, seed) for seed in range(100)]


def test_callbacks_keep_the_order_in_which_they_were_registered():
    """That of `call_soon` is guaranteed by asyncio, whatever tasks do."""

    async def work(loop):
        order = []
        for number in range(20):
            loop.call_soon(order.append, number)
            loop.create_task(asyncio.sleep(0))
        await asyncio.sleep(1)
        return order

    assert all(run(work, seed) == list(range(20)) for seed in range(20))


def test_a_deadlock_and_an_endless_loop_have_names():
    """Nobody waits for ever, and nobody turns for ever."""

    async def wait_for_nobody(loop):
        await loop.create_future()

    async def turn(loop):
        while True:  # noqa: ASYNC110 - for ever
            await asyncio.sleep(0)

    for work, error in ((wait_for_nobody, Deadlock), (turn, TooManySteps)):
        loop = VirtualLoop(random.Random(0))
        task = loop.create_task(work(loop))
        with pytest.raises(error):
            loop.run_until_complete(task)
        assert loop.steps <= STEP_LIMIT + 1
        loop.steps = 0
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            loop.run_until_complete(task)
        loop.close()


def test_a_process_stands_still_at_any_step_and_goes_on_where_it_stood():
    """Its tasks and timers wait for it; others, and what it has sent out, do not."""

    async def work(loop):
        steps = []

        def stop(step):
            process.stands_still = step == 4

        async def tick():
            for _ in range(5):
                steps.append(loop.time())
                await asyncio.sleep(1)

        process = Process("p", stop)
        context = contextvars.Context()
        context.run(PROCESS.set, process)
        task = loop.create_task(tick(), context=context)
        await asyncio.sleep(100)
        seen = len(steps)
        loop.resume(process)
        await task
        return seen, steps

    seen, steps = run(work)
    assert seen == 2
    assert steps == [0, 1, 100, 101, 102]
