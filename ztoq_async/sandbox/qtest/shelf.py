"""Objects of one kind of the test execution tree, by id and by place."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Generic, TypeVar

import msgspec

from ztoq_async.sandbox.qtest import keys
from ztoq_async.sandbox.qtest.answers import not_found

Place = tuple[str, int]
"""(`parentType`, `parentId`) of facts.md 3.9; the root is `ROOT`."""
ROOT: Place = ("root", 0)


class Item(msgspec.Struct, kw_only=True, gc=False):
    """What releases, cycles, suites and runs have in common. Times are seconds since 1970."""

    id: int
    number: int
    place: Place
    name: str
    order: int
    created: float
    modified: float
    key: str = ""


T = TypeVar("T", bound=Item)


class Shelf(Generic[T]):
    """Objects of one kind. Ids, numbers and times of creation rise together; siblings may share a name."""

    def __init__(self, what: str, first_id: int) -> None:
        self._what = what
        self._first_id = first_id
        self._numbers = count(1)
        self._items: dict[int, T] = {}
        self._order: list[int] = []
        self._places: dict[Place, list[int]] = {}
        self.keys = keys.KeyIndex()

    def __len__(self) -> int:
        return len(self._order)

    def __iter__(self) -> Iterator[T]:
        return (self._items[identity] for identity in list(self._order) if identity in self._items)

    def __contains__(self, identity: int) -> bool:
        return identity in self._items

    def get(self, identity: int) -> T:
        item = self._items.get(identity)
        if item is None:
            raise not_found(self._what, identity)
        return item

    def find(self, identity: int) -> T | None:
        return self._items.get(identity)

    def numbered(self, number: int) -> T | None:
        """The object whose pid ends in this number."""
        return self._items.get(self._first_id + number)

    def ids(self, place: Place | None = None) -> list[int]:
        """Ids in rising order: of the project, or of one place's direct children. Not to be changed."""
        return self._order if place is None else self._places.get(place, [])

    def visible(self, ids: Sequence[int], until: float) -> Sequence[int]:
        """Those of the rising ids that were made by then."""
        return ids[: bisect_right(ids, until, key=lambda identity: self._items[identity].created)]

    def children(self, place: Place) -> list[T]:
        """Direct children by `order`, then id."""
        found = [self._items[identity] for identity in self.ids(place)]
        return sorted(found, key=lambda item: (item.order, item.id))

    def next(self) -> tuple[int, int]:
        """(id, number) for a new object."""
        number = next(self._numbers)
        return self._first_id + number, number

    def room(self, place: Place, order: int | None) -> int:
        """The order asked for, else behind the siblings."""
        return len(self.ids(place)) + 1 if order is None else order

    def add(self, item: T, key: str) -> T:
        self._items[item.id] = item
        self._order.append(item.id)
        self._places.setdefault(item.place, []).append(item.id)
        self.rekey(item, key)
        return item

    def rekey(self, item: T, key: str) -> None:
        self.keys.move(item.id, item.key, key)
        item.key = key

    def move(self, item: T, place: Place, now: float) -> None:
        self._leave(item)
        siblings = self._places.setdefault(place, [])
        siblings.insert(bisect_left(siblings, item.id), item.id)
        item.place, item.modified = place, now

    def remove(self, item: T) -> None:
        self._leave(item)
        self.rekey(item, "")
        del self._items[item.id]
        del self._order[bisect_left(self._order, item.id)]

    def _leave(self, item: T) -> None:
        siblings = self._places[item.place]
        del siblings[bisect_left(siblings, item.id)]
        if not siblings:
            del self._places[item.place]
