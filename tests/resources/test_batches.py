"""Batches: whole, lazy, by both kinds of for."""

from collections.abc import AsyncIterator, Iterator

import pytest

from ztoq_async.resources.batches import batch_processor


async def numbers(count: int) -> AsyncIterator[int]:
    for number in range(count):
        yield number


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 30])
async def test_batches_hold_every_item_in_order(count: int) -> None:
    """The three ways give the same batches, all full but the last."""
    expected = [list(range(count))[start : start + 10] for start in range(0, count, 10)]
    assert list(batch_processor(range(count), 10)) == expected
    assert [batch async for batch in batch_processor(range(count), 10)] == expected
    assert [batch async for batch in batch_processor(numbers(count), 10)] == expected


def test_only_one_batch_is_taken_at_a_time() -> None:
    """An endless source is read as far as needed, and no further."""
    taken = 0

    def endless() -> Iterator[int]:
        nonlocal taken
        while True:
            taken += 1
            yield taken

    assert next(iter(batch_processor(endless()))) == list(range(1, 1001))
    assert taken == 1000


def test_misuse_is_named() -> None:
    """A batch of none, and `for` over what comes asynchronously, are errors that say what to do."""
    with pytest.raises(ValueError, match="at least 1"):
        batch_processor([1], 0)
    with pytest.raises(TypeError, match="async for"):
        iter(batch_processor(numbers(1)))


class Thing:
    """An item that knows how many of it live, and lived at most."""

    alive = most = 0

    def __init__(self) -> None:
        Thing.alive += 1
        Thing.most = max(Thing.most, Thing.alive)

    def __del__(self) -> None:
        Thing.alive -= 1


def things() -> Iterator[Thing]:
    for _ in range(100):
        yield Thing()


async def async_things() -> AsyncIterator[Thing]:
    for thing in things():
        yield thing


async def test_one_batch_is_in_memory() -> None:
    """Who lets go of a batch before the next never has more than one in memory, and the item that was taken last."""
    for batch in batch_processor(things(), 10):
        assert len(batch) == 10
        del batch
    for items in (things(), async_things()):
        async for batch in batch_processor(items, 10):
            assert len(batch) == 10
            del batch
    assert Thing.most <= 11


async def test_an_error_of_the_source_comes_through() -> None:
    """After the whole batches before it, by each kind of for."""

    def breaking() -> Iterator[int]:
        yield from range(15)
        raise KeyError("broken")

    batches = iter(batch_processor(breaking(), 10))
    assert next(batches) == list(range(10))
    with pytest.raises(KeyError, match="broken"):
        next(batches)
    later = aiter(batch_processor(breaking(), 10))
    assert await anext(later) == list(range(10))
    with pytest.raises(KeyError, match="broken"):
        await anext(later)


def test_a_row_can_be_gone_through_again() -> None:
    """One object over a list gives the same batches each time; over an iterator it goes on."""
    batches = batch_processor([1, 2, 3], 2)
    assert list(batches) == list(batches) == [[1, 2], [3]]
    once = batch_processor(iter([1, 2, 3]), 2)
    assert (list(once), list(once)) == ([[1, 2], [3]], [])
