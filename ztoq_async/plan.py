"""What a plan is: journal rows with their parents, in the order in which records can be made (pure).

A row is named `<kind>:<key>`. `parents` must be done before it and refuse it when they are refused; `after` only has to
be settled before it (siblings in their order).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Protocol

import msgspec


class Row(msgspec.Struct, frozen=True):
    """A row of the journal before it is written.

    `counted` is false for what no source record stands for; `refusal` says why the row is refused from the start;
    `again` is true for what makes only what is lacking, so that each plan asks for it once more.
    """

    kind: str
    key: str
    parents: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    counted: bool = True
    refusal: str = ""
    again: bool = False


class Planner(Protocol):
    """Makes the rows of one kind, as records come and when all have come."""

    def add(self, key: str, record: bytes, detail: bytes) -> Iterable[Row]:
        """Rows that can be planned now that this record is known."""

    def wanted(self) -> Collection[str]:
        """Keys of records that `end` has to know about."""

    def end(self, known: Collection[str]) -> Iterable[Row]:
        """The remaining rows, given which of the wanted keys exist."""


class AtOnce:
    """A kind whose rows follow from the context alone."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows = rows

    def add(self, key: str, record: bytes, detail: bytes) -> Iterable[Row]:
        return ()

    def wanted(self) -> Collection[str]:
        return ()

    def end(self, known: Collection[str]) -> Iterable[Row]:
        return self._rows


class OneByOne:
    """A kind whose rows follow from each record by itself, or from it and those before it."""

    def __init__(self, rows: Callable[[str, bytes], Iterable[Row]], last: Iterable[Row] = ()) -> None:
        self._rows = rows
        self._last = last

    def add(self, key: str, record: bytes, detail: bytes) -> Iterable[Row]:
        return self._rows(key, record)

    def wanted(self) -> Collection[str]:
        return ()

    def end(self, known: Collection[str]) -> Iterable[Row]:
        return self._last


def without_circles(edges: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
    """The same edges, called ones first, without those that would close a circle (depth first, in order of keys)."""
    kept: dict[str, list[str]] = {}
    state: dict[str, int] = {}
    for start in sorted(edges):
        stack: list[tuple[str, Iterator[str]]] = _opened(start, edges, state, kept)
        while stack:
            key, rest = stack[-1]
            called = next(rest, None)
            if called is None:
                state[key] = _CLOSED
                kept[key] = kept.pop(key)
                stack.pop()
            elif state.get(called) != _OPEN:
                if called not in kept[key]:
                    kept[key].append(called)
                stack += _opened(called, edges, state, kept)
    return {key: called for key, called in kept.items() if key in edges}


_OPEN, _CLOSED = 1, 2


def _opened(
    key: str, edges: Mapping[str, Iterable[str]], state: dict[str, int], kept: dict[str, list[str]]
) -> list[tuple[str, Iterator[str]]]:
    if key in state or key not in edges:
        return []
    state[key] = _OPEN
    kept[key] = []
    return [(key, iter(dict.fromkeys(edges[key])))]
