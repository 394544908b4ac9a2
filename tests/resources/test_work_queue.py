"""The work queue: bounded, every item ends as a value, nothing is lost, nothing hangs."""

import asyncio
import time
import tracemalloc
from typing import Any

import pytest

from ztoq_async.errors import ResourceError, ResultEvicted
from ztoq_async.resources.work_queue import Completion, Ended, WorkQueue


async def double(number: int) -> int:
    return 2 * number


def queue_of(worker: Any, **settings: Any) -> WorkQueue[Any, Any]:
    return WorkQueue(worker, **({"workers": 4, "max_queue_size": 8, "task_timeout": 5.0} | settings))


async def test_every_item_comes_back_once() -> None:
    """A reader that runs beside the producer sees each item with its own value, and the end."""

    async def produce(queue: WorkQueue[int, int]) -> None:
        for number in range(500):
            await queue.put(number)
        await queue.close()

    async with queue_of(double) as queue:
        producer = asyncio.create_task(produce(queue))
        seen = [completion async for completion in queue]
        await producer
    assert sorted(completion.item for completion in seen) == list(range(500))
    assert all(completion.state is Ended.DONE and completion.value == 2 * completion.item for completion in seen)


async def test_a_slow_worker_holds_the_producer_back() -> None:
    """No more than `max_queue_size` items wait, and no more than `workers` are in work."""
    now = most = 0

    async def slow(_: int) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.001)
        now -= 1

    async with queue_of(slow, workers=3, max_queue_size=5) as queue:
        for number in range(100):
            await queue.put(number)
            assert queue.statistics().waiting <= 5
        await queue.join()
        assert queue.statistics().ended == {Ended.DONE: 100}
    assert most == 3


async def test_how_an_item_ended_is_a_value() -> None:
    """Done, failed, late, and a time-out or cancellation of the worker's own: each is told apart, all go on."""

    async def worker(kind: str) -> str:
        match kind:
            case "fail":
                raise ValueError(kind)
            case "late":
                await asyncio.sleep(30)
            case "own timeout":
                raise TimeoutError(kind)
            case "cancel":
                raise asyncio.CancelledError
        return kind

    expected = {
        "done": Ended.DONE,
        "fail": Ended.FAILED,
        "late": Ended.TIMED_OUT,
        "own timeout": Ended.FAILED,
        "cancel": Ended.CANCELLED,
    }
    async with queue_of(worker, workers=1, task_timeout=0.05, max_queue_size=20) as queue:
        tickets = {kind: await queue.put(kind) for kind in [*expected, *expected]}
        for kind, ticket in tickets.items():
            completion = await queue.result(ticket)
            assert (completion.item, completion.state) == (kind, expected[kind])
            assert (completion.error is None) == (kind == "done")
        await queue.join()
        assert queue.statistics().put == 10 == sum(queue.statistics().ended.values())


async def test_unread_completions_never_block_and_are_never_wrong() -> None:
    """Nobody reads 5,000 completions: all work is done; an evicted one is a named error, a kept one is right."""
    async with queue_of(double, max_completed_items=100, cleanup_interval=10) as queue:
        tickets = [await queue.put(number) for number in range(5000)]
        await queue.join()
        stored = queue.statistics().stored
        assert 100 <= stored < 110
        assert queue.statistics().evicted == 5000 - stored
        with pytest.raises(ResultEvicted):
            await queue.result(tickets[0])
        with pytest.raises(ResourceError, match="not given"):
            await queue.result(tickets[-1] + 1)
        last = await queue.result(tickets[-1])
        assert (last.item, last.value) == (4999, 9998)
        with pytest.raises(ResultEvicted, match=r"49\d0 completions were dropped unread"):
            await anext(queue)
        assert isinstance(await anext(queue), Completion)


async def test_memory_stays_flat() -> None:
    """Ten times the items need no more memory."""

    async def peak(count: int) -> int:
        async with queue_of(double, max_completed_items=200, max_queue_size=50) as queue:
            tracemalloc.reset_peak()
            for number in range(count):
                await queue.put(number)
            await queue.join()
        return tracemalloc.get_traced_memory()[1]

    tracemalloc.start()
    try:
        await peak(1000)
        assert await peak(10_000) <= 1.2 * await peak(1000)
    finally:
        tracemalloc.stop()


async def test_leaving_drains_and_then_takes_nothing_more() -> None:
    """All items that were put are worked off on leaving; a later put is refused."""
    done: list[int] = []

    async def slow(number: int) -> None:
        await asyncio.sleep(0.001)
        done.append(number)

    async with queue_of(slow, max_queue_size=50) as queue:
        for number in range(40):
            await queue.put(number)
    assert sorted(done) == list(range(40))
    with pytest.raises(ResourceError, match="closed"):
        await queue.put(1)


async def test_an_error_in_the_block_stops_at_once() -> None:
    """Items in work and items that wait end as cancelled; a producer that waits for room is told; no task remains."""
    before = asyncio.all_tasks()
    began = time.monotonic()

    async def forever(_: int) -> None:
        await asyncio.sleep(60)

    with pytest.raises(ZeroDivisionError):
        async with queue_of(forever, workers=2, max_queue_size=3, task_timeout=60) as queue:
            tickets = [await queue.put(number) for number in range(3)]
            await asyncio.sleep(0)
            tickets += [await queue.put(number) for number in range(3, 5)]
            blocked = asyncio.create_task(queue.put(99))
            waiting = asyncio.create_task(queue.result(tickets[-1]))
            await asyncio.sleep(0)
            _ = 1 // 0
    with pytest.raises(ResourceError, match="closed"):
        await blocked
    assert (await waiting).state is Ended.CANCELLED
    assert [completion.state async for completion in queue] == [Ended.CANCELLED] * 5
    assert time.monotonic() - began < 2
    assert asyncio.all_tasks() == before


async def test_a_cancelled_reader_or_producer_takes_nothing_away() -> None:
    """Readers and producers that give up while waiting leave their turn to the next."""
    gate = asyncio.Event()

    async def gated(number: int) -> int:
        await gate.wait()
        return number

    async with queue_of(gated, workers=1, max_queue_size=1) as queue:
        await queue.put(0)
        await asyncio.sleep(0)
        await queue.put(1)
        producers = [asyncio.create_task(queue.put(number)) for number in (2, 3, 4)]
        readers = [asyncio.ensure_future(anext(queue)) for _ in range(3)]
        await asyncio.sleep(0)
        producers[0].cancel()
        readers[0].cancel()
        gate.set()
        await asyncio.gather(*producers[1:])
        await queue.join()
        read = [completion.item for completion in await asyncio.gather(*readers[1:])]
        read += [(await anext(queue)).item for _ in range(2)]
    assert sorted(read) == [0, 1, 3, 4]


async def test_a_reader_cancelled_at_its_turn_passes_it_on() -> None:
    """The one that is cancelled just when a completion is ready does not swallow it."""
    readers: list[asyncio.Future[Completion[int, int]]] = []

    async def worker(number: int) -> int:
        asyncio.get_running_loop().call_soon(readers[0].cancel)
        return number

    async with queue_of(worker) as queue:
        readers += [asyncio.ensure_future(anext(queue)) for _ in range(2)]
        await asyncio.sleep(0)
        await queue.put(7)
        assert (await asyncio.wait_for(readers[1], 1)).value == 7
        assert readers[0].cancelled()


async def test_every_reader_sees_the_end() -> None:
    """Several readers share the completions, and all of them come to an end."""

    async def read() -> list[int]:
        return [completion.item async for completion in queue]

    async with queue_of(double) as queue:
        readers = [asyncio.create_task(read()) for _ in range(3)]
        await asyncio.sleep(0)
        await queue.put(1)
        await queue.close()
        parts = await asyncio.wait_for(asyncio.gather(*readers), 1)
    assert sorted(parts) == [[], [], [1]]


async def test_an_idle_queue_does_nothing() -> None:
    """No polling: while nothing is put, the loop has no timer and no turn to take for the queue."""
    async with queue_of(double, workers=50) as queue:
        await asyncio.sleep(0)
        loop = asyncio.get_running_loop()
        turns = loop._run_once  # type: ignore[attr-defined]
        count = 0

        def counted() -> None:
            nonlocal count
            count += 1
            turns()

        loop._run_once = counted  # type: ignore[attr-defined]
        try:
            await asyncio.sleep(0.2)
        finally:
            del loop._run_once  # type: ignore[attr-defined]
        assert count <= 5
        assert await (await _put_one(queue)) == 2


async def _put_one(queue: WorkQueue[int, int]) -> Any:
    ticket = await queue.put(1)

    async def value() -> int | None:
        return (await queue.result(ticket)).value

    return value()


async def test_a_queue_belongs_to_the_loop_that_entered_it() -> None:
    """Use before entering, twice, or from another loop is a named error."""
    queue = queue_of(double)
    with pytest.raises(ResourceError):
        await queue.put(1)
    async with queue:
        with pytest.raises(ResourceError):
            await asyncio.to_thread(asyncio.run, queue.put(1))
        with pytest.raises(ResourceError, match="already entered"):
            await queue.__aenter__()
