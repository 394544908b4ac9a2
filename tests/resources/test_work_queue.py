"""The work queue: bounded, every item ends as a value, nothing is lost, nothing hangs."""

import asyncio
import contextlib
import gc
import random
import time
import tracemalloc
import weakref
from collections import Counter
from typing import Any

import anyio
import pytest

from ztoq_async.errors import ResourceError, ResultEvicted
from ztoq_async.resources import work_queue
from ztoq_async.resources.completions import Completion, Ended
from ztoq_async.resources.work_queue import WorkQueue


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


async def test_who_asks_for_a_result_in_vain_takes_it_from_nobody() -> None:
    """Two ask for one ticket, one gives up: the other gets the completion."""
    gate = asyncio.Event()

    async def gated(number: int) -> int:
        await gate.wait()
        return number

    async with queue_of(gated) as queue:
        ticket = await queue.put(3)
        asking = [asyncio.create_task(queue.result(ticket)) for _ in range(2)]
        await asyncio.sleep(0)
        asking[0].cancel()
        gate.set()
        assert (await asyncio.wait_for(asking[1], 1)).value == 3


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
    """Use before entering, twice, or from another loop or thread is a named error."""
    queue = queue_of(double)
    with pytest.raises(ResourceError, match="not open"):
        await queue.put(1)
    async with queue:
        with pytest.raises(ResourceError, match="another event loop or thread"):
            await asyncio.to_thread(asyncio.run, queue.put(1))
        with pytest.raises(ResourceError, match="already entered"):
            await queue.__aenter__()


@pytest.mark.parametrize("wrong", ["workers", "max_queue_size", "task_timeout", "cleanup_interval"])
def test_sizes_of_nothing_are_refused(wrong: str) -> None:
    """A queue that could do nothing, or would never end, is not made."""
    with pytest.raises(ValueError, match=wrong):
        queue_of(double, **{wrong: 0})


async def test_a_queue_that_keeps_nothing_still_answers_who_waits() -> None:
    """With `max_completed_items=0` only those who already wait get a completion; later it is a named error."""
    async with queue_of(double, max_completed_items=0, cleanup_interval=1) as queue:
        ticket = await queue.put(4)
        assert (await queue.result(ticket)).value == 8
        with pytest.raises(ResultEvicted):
            await queue.result(ticket)
        assert queue.statistics().stored == 0


class Odd(BaseException):
    """Neither an Exception nor a wish to end the program."""


async def test_an_odd_exception_stops_no_worker() -> None:
    """More exceptions outside of Exception than workers: each is a value, and the rest is worked off."""

    async def worker(number: int) -> int:
        if number < 10:
            raise Odd
        return number

    async with queue_of(worker, workers=2, max_queue_size=30) as queue:
        for number in range(20):
            await queue.put(number)
        await asyncio.wait_for(queue.join(), 2)
        assert queue.statistics().ended == {Ended.FAILED: 10, Ended.DONE: 10}
        assert isinstance((await queue.result(1)).error, Odd)


@pytest.mark.parametrize("wish", [SystemExit, KeyboardInterrupt])
def test_the_wish_to_end_the_program_is_heard(wish: type[BaseException]) -> None:
    """A worker that raises it ends the program as any task does; every item has ended, no task is left."""
    seen: list[WorkQueue[Any, Any]] = []

    async def worker(number: int) -> None:
        if number == 2:
            raise wish
        await asyncio.sleep(0)

    async def main() -> None:
        async with queue_of(worker, workers=2) as queue:
            seen.append(queue)
            for number in range(10):
                await queue.put(number)
            await queue.join()

    with pytest.raises(wish):
        asyncio.run(main())
    statistics = seen[0].statistics()
    assert (statistics.waiting, statistics.working) == (0, 0)
    assert statistics.ended[Ended.FAILED] == 1
    assert sum(statistics.ended.values()) == statistics.put


async def test_a_worker_that_goes_on_after_its_time_is_late() -> None:
    """Who swallows the time-out and gives a value, or raises something else, has timed out all the same."""

    async def worker(kind: str) -> str:
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            if kind == "raise":
                raise ValueError(kind) from None
        return "too late"

    async with queue_of(worker, workers=1, task_timeout=0.02) as queue:
        for kind, error in (("value", TimeoutError), ("raise", ValueError)):
            completion = await queue.result(await queue.put(kind))
            assert completion.state is Ended.TIMED_OUT
            assert isinstance(completion.error, error)
            assert completion.value is None


async def test_stop_is_bounded_when_a_worker_ignores_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its item ends as cancelled, whoever waits is told, a warning names it; what it gives later is dropped."""
    monkeypatch.setattr(work_queue, "STOP_SECONDS", 0.1)
    release = asyncio.Event()

    async def deaf(number: int) -> int:
        while not release.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await release.wait()
        return number

    async with queue_of(deaf, workers=1, task_timeout=60) as queue:
        tickets = [await queue.put(number) for number in range(3)]
        waiting = asyncio.create_task(queue.result(tickets[0]))
        readers = [asyncio.create_task(anext(queue, None)) for _ in range(5)]
        await asyncio.sleep(0)
        began = time.monotonic()
        with pytest.warns(ResourceWarning, match="1 workers of a WorkQueue ignored"):
            await queue.stop()
        assert time.monotonic() - began < 1
        await asyncio.wait_for(queue.join(), 1)
        assert (await waiting).state is Ended.CANCELLED
        read = await asyncio.wait_for(asyncio.gather(*readers), 1)
        assert [completion and completion.item for completion in read] == [1, 2, 0, None, None]
        await asyncio.wait_for(queue.close(), 1)
        release.set()
    assert queue.statistics().ended == {Ended.CANCELLED: 3}


async def test_a_worker_that_fills_its_own_queue_is_told() -> None:
    """Workers that put into their full queue: the last of them gets a named error, and nothing hangs."""
    errors: list[str] = []

    async def worker(depth: int) -> None:
        try:
            for _ in range(3):
                if depth:
                    await queue.put(depth - 1)
        except ResourceError as error:
            errors.append(str(error))
            raise

    async with queue_of(worker, workers=3, max_queue_size=2, task_timeout=30) as queue:
        began = time.monotonic()
        for _ in range(4):
            await queue.put(4)
        await asyncio.wait_for(queue.join(), 5)
        assert time.monotonic() - began < 5
    ended = queue.statistics().ended
    assert ended[Ended.FAILED] == len(errors) > 0
    assert all("waits for room" in error for error in errors)


@pytest.mark.parametrize("end", ["join", "close", "stop"])
async def test_a_worker_cannot_wait_for_its_own_queue(end: str) -> None:
    """It would wait for itself: a named error."""

    async def worker(_: int) -> None:
        await getattr(queue, end)()

    async with queue_of(worker) as queue:
        completion = await queue.result(await queue.put(1))
        assert isinstance(completion.error, ResourceError)


async def test_workers_cancelled_by_others_leave_nothing_hanging() -> None:
    """Somebody cancels all tasks of the loop: what waits ends as cancelled, and the queue takes no more."""
    before = asyncio.all_tasks()

    async def forever(_: int) -> None:
        await asyncio.sleep(60)

    async with queue_of(forever, workers=2, task_timeout=60) as queue:
        for number in range(6):
            await queue.put(number)
        await asyncio.sleep(0)
        for task in asyncio.all_tasks() - before:
            task.cancel()
        await asyncio.wait_for(queue.join(), 1)
        assert queue.statistics().ended == {Ended.CANCELLED: 6}
        with pytest.raises(ResourceError, match="closed"):
            await queue.put(7)


async def test_a_forgotten_queue_is_reported_while_the_loop_runs(caplog: pytest.LogCaptureFixture) -> None:
    """Entered and thrown away: idle workers do not keep it alive, ResourceWarning says so."""
    queue = await queue_of(double).__aenter__()
    await queue.result(await queue.put(1))
    await asyncio.sleep(0)
    forgotten = weakref.ref(queue)
    with pytest.warns(ResourceWarning, match="WorkQueue was left open"):
        del queue
        gc.collect()
    assert forgotten() is None
    assert "Task was destroyed" in caplog.text


def test_a_forgotten_queue_is_reported_at_the_end_of_the_loop() -> None:
    """Even one whose workers are busy for ever."""

    async def main() -> None:
        queue = await queue_of(lambda _: asyncio.sleep(3600), task_timeout=7200).__aenter__()
        await queue.put(1)
        await asyncio.sleep(0)

    with pytest.warns(ResourceWarning, match="WorkQueue was left open"):
        asyncio.run(main())
        gc.collect()


class Interleaving:
    """A run of one queue in which a seed decides who comes, goes, fails and is cancelled, and when."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.given: dict[int, int] = {}
        self.read: list[Completion[int, int]] = []
        self.runs: Counter[int] = Counter()

    async def worker(self, number: int) -> int:
        self.runs[number] += 1
        for _ in range(self.random.randrange(3)):
            await asyncio.sleep(0)
        match self.random.randrange(8):
            case 0:
                raise ValueError(number)
            case 1:
                raise asyncio.CancelledError
            case 2:
                await asyncio.sleep(60)
            case 3:
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.sleep(60)
            case 4:
                raise Odd
        return -number

    async def produce(self, queue: WorkQueue[int, int], first: int) -> None:
        for number in range(first, first + 10):
            self.given[await queue.put(number)] = number
            if self.random.random() < 0.3:
                await asyncio.sleep(0)

    async def consume(self, queue: WorkQueue[int, int]) -> None:
        async for completion in queue:
            self.read.append(completion)

    async def ask(self, queue: WorkQueue[int, int]) -> None:
        while queue.statistics().put < 40:
            if self.given:
                ticket = self.random.choice(list(self.given))
                assert (await queue.result(ticket)).item == self.given[ticket]
            await asyncio.sleep(0)

    async def play(self) -> WorkQueue[int, int]:
        chance = self.random
        sizes = {"workers": chance.randint(1, 4), "max_queue_size": chance.randint(1, 5)}
        tasks: list[asyncio.Task[None]] = []
        with contextlib.suppress(ZeroDivisionError):
            async with queue_of(self.worker, task_timeout=0.003, **sizes) as queue:
                tasks += [asyncio.create_task(self.produce(queue, 100 * n)) for n in range(4)]
                tasks += [asyncio.create_task(self.consume(queue)) for _ in range(2)]
                tasks += [asyncio.create_task(self.ask(queue)) for _ in range(2)]
                for _ in range(chance.randrange(60)):
                    await asyncio.sleep(0)
                    if chance.random() < 0.1:
                        chance.choice(tasks).cancel()
                if (end := chance.randrange(3)) == 0:
                    raise ZeroDivisionError
                await (queue.stop() if end == 1 else queue.close())
        for task in tasks[6:]:
            task.cancel()
        await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 5)
        return queue


@pytest.mark.parametrize("seed", range(150))
async def test_every_item_ends_exactly_once_whatever_is_cancelled_when(seed: int) -> None:
    """Producers, readers and askers are cancelled at random; the queue is drained, stopped or left by an error."""
    before = asyncio.all_tasks()
    play = Interleaving(seed)
    queue = await asyncio.wait_for(play.play(), 10)
    play.read += [completion async for completion in queue]
    statistics = queue.statistics()
    assert (statistics.waiting, statistics.working) == (0, 0)
    assert sorted(completion.ticket for completion in play.read) == list(range(1, statistics.put + 1))
    assert statistics.put == sum(statistics.ended.values())
    for completion in play.read:
        assert completion.item == play.given.get(completion.ticket, completion.item)
        assert (completion.value == -completion.item) == (completion.state is Ended.DONE)
    assert max(play.runs.values(), default=1) == 1
    assert asyncio.all_tasks() == before


async def test_leaving_under_a_scope_that_cancels_again_and_again_waits_for_the_workers() -> None:
    """anyio cancels at every turn of the loop: the workers have still ended when the block has."""
    ended: list[int] = []

    async def slow_to_leave(item: int) -> None:
        try:
            await asyncio.sleep(10)
        finally:
            with anyio.CancelScope(shield=True):
                await asyncio.sleep(0.1)
            ended.append(item)

    with anyio.move_on_after(0.05):
        async with queue_of(slow_to_leave) as queue:
            await queue.put(1)
            await queue.join()
    assert ended == [1]
