"""What the work queue promises, asked by somebody who has only read the promise: how items end, and what is kept."""

import asyncio
import gc
import random
import weakref
from collections import Counter

import pytest

from ztoq_async import ResourceError, ResultEvicted, WorkQueue


class Odd(BaseException):
    """Neither an Exception nor asyncio's business."""


class UnspeakableError(Exception):
    """Cannot be shown, compared or hashed."""

    def __repr__(self):
        raise RuntimeError

    __str__ = __repr__
    __hash__ = None

    def __eq__(self, other):
        raise RuntimeError


class Payload:
    """Something that a weak reference can watch."""


async def raises(error):
    """A worker that ends with the error it is given, or with its item."""
    await asyncio.sleep(0)
    if isinstance(error, BaseException):
        raise error
    return error


def make(worker, **options):
    """A small queue; the options say what is different."""
    return WorkQueue(worker, **{"workers": 2, "max_queue_size": 4, "task_timeout": 5.0, **options})


ERRORS = [
    ValueError("no"),
    Odd(),
    GeneratorExit(),
    asyncio.CancelledError(),
    StopAsyncIteration(),
    TimeoutError("the worker's own"),
    ExceptionGroup("both", [ValueError(), KeyError()]),
    BaseExceptionGroup("all", [Odd()]),
    RecursionError(),
    MemoryError(),
    UnspeakableError(),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
async def test_an_error_of_any_kind_is_a_value_and_the_rest_goes_on(error):
    """More errors than there are workers: each item ends by its own error, and the next ones are done."""
    async with asyncio.timeout(5), make(raises) as queue:
        bad = [await queue.put(error) for _ in range(5)]
        good = await queue.put(7)
        await queue.join()
        assert ((await queue.result(good)).state, (await queue.result(good)).value) == ("done", 7)
        ends = [await queue.result(ticket) for ticket in bad]
        expected = {"cancelled", "failed"} if isinstance(error, asyncio.CancelledError) else {"failed"}
        assert {end.state for end in ends} <= expected
        assert all(type(end.error) is type(error) for end in ends)


async def test_an_own_time_out_is_told_from_the_queues():
    """`timed_out` speaks of `task_timeout` alone; a TimeoutError of the worker's own work is a failure."""

    async def work(own):
        async with asyncio.timeout(0.02 if own else 10):
            await asyncio.sleep(10)

    async with make(work, task_timeout=0.2) as queue:
        own, ours = await queue.put(True), await queue.put(False)
        assert (await queue.result(own)).state == "failed"
        assert (await queue.result(ours)).state == "timed_out"


async def test_a_worker_within_its_time_is_done_and_one_beyond_it_is_not():
    """The limit is that of each item from its own beginning: waiting in the queue does not count."""

    async def work(seconds):
        await asyncio.sleep(seconds)
        return seconds

    async with make(work, workers=1, task_timeout=0.15) as queue:
        tickets = [await queue.put(seconds) for seconds in (0.1, 0.1, 0.1, 1.0, 0.1)]
        states = [(await queue.result(ticket)).state for ticket in tickets]
    assert states == ["done", "done", "done", "timed_out", "done"]


async def test_a_worker_that_swallows_its_time_out_loses_no_other_item():
    """Who catches the cancellation and returns ends his own item, once; the worker takes the next."""

    async def work(number):
        try:
            await asyncio.sleep(5 if number % 2 else 0)
        except asyncio.CancelledError:
            return "swallowed"
        return number

    async with asyncio.timeout(5), make(work, task_timeout=0.03) as queue:
        tickets = [await queue.put(number) for number in range(8)]
        ends = [await queue.result(ticket) for ticket in tickets]
    assert [end.state for end in ends[::2]] == ["done"] * 4
    assert {end.state for end in ends[1::2]} <= {"done", "timed_out"}
    assert queue.statistics().put == 8 == sum(queue.statistics().ended.values())


@pytest.mark.parametrize("options", [{"workers": 0}, {"max_queue_size": 0}, {"max_queue_size": -1}, {"workers": -1}])
def test_a_queue_without_bound_or_workers_cannot_be_made(options):
    """Nothing is unbounded by accident, and no queue waits for ever because nobody works."""
    with pytest.raises((ValueError, ResourceError)):
        make(raises, **options)


async def test_a_hundred_thousand_items_end_once_each_with_nobody_reading():
    """Unread completions block nobody, and of them only the newest are kept."""
    seen = Counter()

    async def work(number):
        seen[number] += 1

    async with make(work, workers=8, max_queue_size=100, max_completed_items=50, cleanup_interval=10) as queue:
        for number in range(100_000):
            await queue.put(number)
        await queue.join()
        assert queue.statistics().stored <= 60
    assert len(seen) == seen.total() == 100_000


async def test_what_is_kept_of_items_is_bounded_failed_or_not():
    """Neither items nor what their workers held when they failed stay in memory beyond the promised number."""
    items, held = weakref.WeakSet(), weakref.WeakSet()

    async def work(item):
        local = Payload()
        held.add(local)
        raise ValueError(item, local)

    async with make(work, max_completed_items=20, cleanup_interval=5) as queue:
        for _ in range(500):
            item = Payload()
            items.add(item)
            await queue.put(item)
        await queue.join()
        del item
        gc.collect()
        assert len(items) <= 26
        assert len(held) <= 26


async def test_a_result_is_its_own_or_a_named_error():
    """Every ticket gives its own item's value or says that it was evicted, whenever one asks."""

    async def work(number):
        await asyncio.sleep(random.random() / 1000)
        return number * 10

    tickets, wrong, evicted = {}, [], 0
    async with make(work, workers=5, max_completed_items=10, cleanup_interval=3) as queue:
        for number in range(400):
            tickets[await queue.put(number)] = number
            asked = random.choice(list(tickets))
            try:
                end = await queue.result(asked)
            except ResultEvicted:
                evicted += 1
            else:
                wrong += [end] if (end.item, end.value) != (tickets[asked], tickets[asked] * 10) else []
    assert (wrong, evicted > 100) == ([], True)


@pytest.mark.parametrize("ticket", [-1, 10**9, 3, None, "0"])
async def test_a_ticket_that_was_never_given_is_a_named_error(ticket):
    """No waiting for what cannot come, and nobody else's result."""
    async with asyncio.timeout(2), make(raises) as queue:
        given = {await queue.put(number) for number in range(2)}
        assert ticket not in given
        with pytest.raises((ResourceError, ResultEvicted, TypeError, ValueError, LookupError)):
            await queue.result(ticket)


async def test_who_waits_for_a_result_gets_it_however_soon_it_is_evicted():
    """Somebody who asked before the item ended is not told afterwards that it is gone."""
    go = asyncio.Event()

    async def work(number):
        await go.wait()
        return number

    async with make(work, workers=4, max_queue_size=50, max_completed_items=1, cleanup_interval=1) as queue:
        tickets = [await queue.put(number) for number in range(30)]
        waiting = [asyncio.create_task(queue.result(ticket)) for ticket in tickets]
        await asyncio.sleep(0.01)
        go.set()
        assert [(await one).value for one in waiting] == list(range(30))


async def test_who_stops_waiting_for_a_result_harms_nobody():
    """A cancelled `result` leaves the item, its worker and the other who asked alone."""
    go = asyncio.Event()

    async def work(number):
        await go.wait()
        return number

    async with make(work) as queue:
        ticket = await queue.put(5)
        leaving, staying = (asyncio.create_task(queue.result(ticket)) for _ in range(2))
        await asyncio.sleep(0.01)
        leaving.cancel()
        await asyncio.sleep(0)
        go.set()
        assert (await staying).value == (await queue.result(ticket)).value == 5
