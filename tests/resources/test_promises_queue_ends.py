"""The work queue's waiting and ending: putting, joining, reading, closing and stopping against each other."""

import asyncio
import random

import pytest

from ztoq_async import ResourceError, WorkQueue


async def echo(item):
    """The shortest work."""
    await asyncio.sleep(0)
    return item


async def forever(item):
    """Work without end."""
    await asyncio.sleep(3600)


def make(worker, **options):
    """A small queue; the options say what is different."""
    return WorkQueue(worker, **{"workers": 2, "max_queue_size": 4, "task_timeout": 5.0, **options})


async def test_a_full_queue_makes_who_puts_wait():
    """At most `max_queue_size` items wait; the next `put` ends when one of them has been taken."""
    go = asyncio.Semaphore(0)

    async def work(item):
        await go.acquire()

    async with make(work, workers=1, max_queue_size=3) as queue:
        putting = [asyncio.create_task(queue.put(number)) for number in range(10)]
        await asyncio.sleep(0.02)
        assert (sum(task.done() for task in putting), queue.statistics().waiting) == (4, 3)
        go.release()
        await asyncio.sleep(0.02)
        assert sum(task.done() for task in putting) == 5
        for _ in range(9):
            go.release()
        await asyncio.gather(*putting)


async def test_join_waits_for_what_was_put_before_it_however_many_put_meanwhile():
    """Several who join and several who put at once: each who joined finds his items ended, and all come to an end."""
    async with asyncio.timeout(5), make(echo) as queue:

        async def put_and_join(first):
            tickets = [await queue.put(first + number) for number in range(50)]
            await queue.join()
            assert [(await queue.result(ticket)).item for ticket in tickets] == list(range(first, first + 50))

        await asyncio.gather(*(put_and_join(first * 100) for first in range(10)))
        await queue.join()
        assert sum(queue.statistics().ended.values()) == 500


@pytest.mark.parametrize("ending", ["close", "stop"])
async def test_who_waits_to_put_is_told_when_the_queue_ends(ending):
    """`close` and `stop` leave nobody waiting: an item was taken and ends, or `put` says that it was not."""
    go = asyncio.Event()

    async def work(item):
        await go.wait()

    async with asyncio.timeout(5), make(work, workers=1, max_queue_size=1) as queue:
        putting = [asyncio.create_task(queue.put(number)) for number in range(6)]
        await asyncio.sleep(0.01)
        end = asyncio.create_task(getattr(queue, ending)())
        await asyncio.sleep(0.01)
        go.set()
        await end
        outcomes = await asyncio.gather(*putting, return_exceptions=True)
        refused = [one for one in outcomes if isinstance(one, ResourceError)]
        taken = [one for one in outcomes if not isinstance(one, BaseException)]
        assert (len(refused) + len(taken), len(refused) > 0) == (6, True)
        assert queue.statistics().put == len(taken) == sum(queue.statistics().ended.values())


async def test_whoever_is_cancelled_when_every_item_ends_once():
    """Puts, readers and workers cancelled at random moments: what was put ended, exactly once, and was read or kept."""
    dice = random.Random(4)

    async def work(item):
        await asyncio.sleep(dice.random() / 500)
        if dice.random() < 0.2:
            raise asyncio.CancelledError
        ended.append(item)

    async def read():
        async for completion in queue:
            read_items.append(completion.item)  # noqa: PERF401  # what was read before a cancellation counts

    ended, read_items, given = [], [], []
    async with asyncio.timeout(20), make(work, workers=3, max_completed_items=10_000) as queue:
        readers = [asyncio.create_task(read()) for _ in range(2)]
        for number in range(400):
            put = asyncio.create_task(queue.put(number))
            if dice.random() < 0.3:
                await asyncio.sleep(dice.random() / 1000)
                put.cancel()
            outcome = (await asyncio.gather(put, return_exceptions=True))[0]
            given += [] if isinstance(outcome, BaseException) else [number]
            if dice.random() < 0.1:
                lost = readers.pop(0)
                lost.cancel()
                readers.append(asyncio.create_task(read()))
        await queue.join()
        await queue.close()
        await asyncio.gather(*readers)
        counts = queue.statistics()
    assert counts.put == sum(counts.ended.values()) == len(given)
    assert len(ended) == len(set(ended)) == counts.ended["done"]
    assert sorted(read_items) == given


async def test_two_readers_share_the_completions():
    """Every completion comes to exactly one of them, and both end when the queue does."""
    async with asyncio.timeout(5), make(echo) as queue:

        async def read():
            return [completion.item async for completion in queue]

        both = [asyncio.create_task(read()) for _ in range(2)]
        for number in range(300):
            await queue.put(number)
        await queue.close()
        first, second = await asyncio.gather(*both)
    assert sorted(first + second) == list(range(300))


async def test_a_reader_may_leave_and_another_come():
    """Whoever reads next goes on after what the one before has read; nothing is lost but what was evicted."""
    async with asyncio.timeout(5), make(echo) as queue:
        for number in range(20):
            await queue.put(number)
        await queue.join()
        read = []
        async for completion in queue:
            read.append(completion.item)
            if len(read) == 7:
                break
        await queue.close()
        read += [completion.item async for completion in queue]
    assert sorted(read) == list(range(20))


async def test_stopping_ends_every_item_at_once():
    """Items in work are cancelled, those that wait end as cancelled; who joins, reads or asks is told."""
    async with asyncio.timeout(5), make(forever, max_queue_size=10) as queue:
        tickets = [await queue.put(number) for number in range(8)]
        joining = asyncio.create_task(queue.join())
        asking = [asyncio.create_task(queue.result(ticket)) for ticket in tickets]

        async def read():
            return [completion.state async for completion in queue]

        reading = asyncio.create_task(read())
        await asyncio.sleep(0.01)
        await queue.stop()
        await queue.stop()
        await joining
        assert [(await one).state for one in asking] == ["cancelled"] * 8 == await reading


async def test_an_error_in_the_block_stops_and_its_plain_end_drains():
    """Leaving by an error does not wait for work without end; leaving without one does the work first."""
    done = []

    async def work(item):
        await asyncio.sleep(0.01)
        done.append(item)

    async with make(work) as queue:
        for number in range(6):
            await queue.put(number)
    assert sorted(done) == list(range(6))
    with pytest.raises(ZeroDivisionError):
        async with asyncio.timeout(3), make(forever) as queue:
            await queue.put(1)
            raise ZeroDivisionError
    assert len(asyncio.all_tasks()) == 1


async def test_a_cancellation_while_it_drains_leaves_no_task():
    """Who no longer waits for the drain has stopped the queue."""

    async def use():
        async with make(forever) as queue:
            await queue.put(1)

    task = asyncio.create_task(use())
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 3)
    assert len(asyncio.all_tasks()) == 1


@pytest.mark.parametrize("ending", ["stop", "close", "join"])
async def test_a_worker_may_end_its_own_queue_and_nobody_hangs(ending):
    """It works, or it is a named error: a worker that waits for itself would wait for ever."""
    outcome = []

    async def work(item):
        try:
            await getattr(queue, ending)()
        except BaseException as error:
            outcome.append(error)
            raise

    async with asyncio.timeout(4), make(work, task_timeout=30.0) as queue:
        ticket = await queue.put(1)
        end = await queue.result(ticket)
        assert end.state in ("done", "failed", "cancelled")
        assert all(isinstance(error, (ResourceError, asyncio.CancelledError)) for error in outcome)


async def test_a_worker_may_put_into_its_own_queue():
    """A tree of work larger than the queue comes to its end: done, or refused by name where nobody could go on."""

    async def work(depth):
        for _ in range(3 if depth else 0):
            await queue.put(depth - 1)

    async with asyncio.timeout(5), make(work, workers=2, max_queue_size=2) as queue:
        await queue.put(4)
        await queue.join()
        counts = queue.statistics()
    assert counts.put == counts.ended["done"] + counts.ended["failed"]
    assert counts.put > 5


async def test_a_queue_may_feed_another():
    """Back-pressure goes through: the inner queue's room bounds the outer one's pace, and each item's way ends."""
    async with asyncio.timeout(5), make(echo, workers=1, max_queue_size=1) as inner:

        async def work(item):
            return (await inner.result(await inner.put(item))).value

        async with make(work, workers=5) as outer:
            tickets = [await outer.put(number) for number in range(50)]
            assert [(await outer.result(ticket)).value for ticket in tickets] == list(range(50))
