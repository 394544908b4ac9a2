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
