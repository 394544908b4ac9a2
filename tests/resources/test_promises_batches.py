"""What `batch_processor` promises: any iterable, one batch in memory, and nothing asked for that is not wanted."""

import asyncio
import contextlib
import gc
import itertools
import weakref

import pytest

from ztoq_async import batch_processor


class Record:
    """Something that a weak reference can watch."""


async def counted(upto, log):
    """An async source that says what was asked of it, and when it was closed."""
    try:
        for number in range(upto):
            log.append(number)
            yield number
            await asyncio.sleep(0)
    finally:
        log.append("closed")


@pytest.mark.parametrize(("amount", "size"), [(0, 3), (1, 3), (3, 3), (4, 3), (1000, 1), (2500, 1000)])
async def test_nothing_is_lost_doubled_or_reordered(amount, size):
    """By `for` and by `async for`, over either kind: full batches, and one rest that is never empty."""
    expected = [list(range(amount))[first : first + size] for first in range(0, amount, size)]
    assert list(batch_processor(range(amount), batch_size=size)) == expected
    assert [batch async for batch in batch_processor(range(amount), batch_size=size)] == expected
    assert [batch async for batch in batch_processor(counted(amount, []), batch_size=size)] == expected


def test_a_thousand_is_a_batch_where_nothing_is_said():
    """The chapter's own number."""
    assert [len(batch) for batch in batch_processor(iter(range(2001)))] == [1000, 1000, 1]


async def test_an_endless_iterable_is_asked_for_one_batch_at_a_time():
    """Nothing is taken before it is asked for, and no more than the batch in hand."""
    taken = []
    endless = (taken.append(number) or number for number in itertools.count())
    batches = iter(batch_processor(endless, batch_size=5))
    assert taken == []
    assert (next(batches), len(taken)) == ([0, 1, 2, 3, 4], 5)
    assert (next(batches), len(taken)) == ([5, 6, 7, 8, 9], 10)
    log = []
    async for batch in batch_processor(counted(100, log), batch_size=4):
        assert (batch, len(log)) == ([0, 1, 2, 3], 4)
        break


async def test_one_batch_is_in_memory():
    """When the next batch comes, the one before is gone where its reader let it go."""
    alive = weakref.WeakSet()

    async def records():
        for _ in range(100):
            record = Record()
            alive.add(record)
            yield record
            del record

    most = 0
    async for batch in batch_processor(records(), batch_size=10):
        most = max(most, len(alive))
        del batch
    gc.collect()
    assert (most <= 11, len(alive)) == (True, 0)


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_an_error_of_the_source_comes_out_as_it_is(kind):
    """The whole batches before it were given; the error is neither hidden nor taken for the end."""

    def fails():
        yield from range(5)
        raise OSError("no page")

    async def fails_later():
        for number in fails():
            yield number

    got = []
    with pytest.raises(OSError, match="no page"):
        async for batch in batch_processor(fails() if kind == "sync" else fails_later(), batch_size=2):
            got += batch
    assert got[:4] == [0, 1, 2, 3]


async def test_a_source_left_early_is_closed_where_nobody_else_has_it():
    """A loop that was left keeps no page open: the generator beneath ends with the batches."""
    log = []
    async with contextlib.aclosing(aiter(batch_processor(counted(100, log), batch_size=4))) as batches:
        async for _ in batches:
            break
    del batches
    await asyncio.sleep(0.01)
    assert log == [0, 1, 2, 3, "closed"]


async def test_what_was_not_asked_for_stays_in_the_source():
    """Who holds the source himself may go on with it after some batches."""
    rest = iter(range(10))
    for batch in batch_processor(rest, batch_size=3):
        assert batch == [0, 1, 2]
        break
    assert list(rest) == [3, 4, 5, 6, 7, 8, 9]


async def test_cancelled_in_the_midst_the_source_is_left_as_a_loop_would_leave_it():
    """A cancellation comes out, and the source hears of it."""
    log = []

    async def stuck():
        try:
            yield 1
            await asyncio.sleep(3600)
        finally:
            log.append("closed")

    async def use():
        async for _ in batch_processor(stuck(), batch_size=2):
            pass

    task = asyncio.create_task(use())
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert log == ["closed"]


@pytest.mark.parametrize("size", [0, -1])
def test_a_batch_of_nothing_is_refused(size):
    """Neither endless empty batches nor silence."""
    with pytest.raises(ValueError):
        list(batch_processor([1, 2], batch_size=size))


async def test_an_async_source_is_not_read_by_for():
    """`for` over what only `async for` can read is an error at once, not an empty loop."""
    source = counted(3, [])
    with pytest.raises(TypeError):
        for _ in batch_processor(source):
            pass
    await source.aclose()
