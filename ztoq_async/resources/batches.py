"""Batches of a long row of items: only one is held at a time."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from itertools import islice
from typing import Generic, TypeVar

Item = TypeVar("Item")


class batch_processor(Generic[Item]):  # noqa: N801 - the name that the documentation promises
    """Lists of at most `batch_size` items: by `for` over an iterable, by `async for` over either kind of iterable.

    Items are taken when their batch is asked for. One object is gone through as often as its items can be.
    """

    def __init__(self, items: Iterable[Item] | AsyncIterable[Item], batch_size: int = 1000) -> None:
        if batch_size < 1:
            raise ValueError("batch_size must be at least 1")
        self._items = items
        self._size = batch_size

    def __iter__(self) -> Iterator[list[Item]]:
        if not isinstance(self._items, Iterable):
            raise TypeError("these items come asynchronously: use `async for`")
        return self._batches(iter(self._items))

    async def __aiter__(self) -> AsyncIterator[list[Item]]:
        if isinstance(self._items, Iterable):
            for whole in self:
                yield whole
                del whole
            return
        batch: list[Item] = []
        async for item in self._items:
            batch.append(item)
            if len(batch) == self._size:
                yield batch
                batch = []
        if batch:
            yield batch

    def _batches(self, items: Iterator[Item]) -> Iterator[list[Item]]:
        for first in items:
            yield [first, *islice(items, self._size - 1)]  # kept by nobody here, so the caller can let go of it
