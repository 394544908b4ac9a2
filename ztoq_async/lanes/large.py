"""Records so large that mapping them would hold up the loop: processes of the pool build and compare those.

A step of 5 MB keeps a CPU busy for up to 3 s, a comparison of two for 8 s: longer than others may wait, and a thread
would hold the interpreter as long. A process also ends with its time, whatever a text does to the parsers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ztoq_async.errors import ProcessDied, SourceError
from ztoq_async.kinds import KINDS
from ztoq_async.lanes.run import Run
from ztoq_async.mapping.account import Note
from ztoq_async.mapping.context import Context
from ztoq_async.mapping.kind import Differences, Item, Kind, Refs, Target

T = TypeVar("T")

LARGE = 100_000
"""Bytes from which on a record may take 50 ms."""
MAPPED_WITHIN_S = 120.0
TRIES = 2
_BY_NAME = {kind.name: kind for kind in KINDS}


async def built(run: Run, kind: Kind, item: Item) -> tuple[Target, list[Note]]:
    """The target of an item, and what became of each attribute. Raises `SourceError` where it cannot be moved."""
    if _size(item) < LARGE:
        return kind.build(item, run.context)
    return await _elsewhere(run, item, _build, kind.name, item, run.context)


async def differences(run: Run, kind: Kind, item: Item, target: Target, actual: object, refs: Refs) -> Differences:
    """Names of what differs between the target of an item and the object as qTest shows it."""
    if _size(item) < LARGE:
        return kind.differences(target, actual, run.context, refs)
    return await _elsewhere(run, item, _compare, kind.name, target, actual, run.context, dict(refs))


def _build(name: str, item: Item, context: Context) -> tuple[Target, list[Note]]:
    return _BY_NAME[name].build(item, context)


def _compare(name: str, target: Target, actual: object, context: Context, refs: Refs) -> Differences:
    return _BY_NAME[name].differences(target, actual, context, refs)


async def _elsewhere(run: Run, item: Item, func: Callable[..., T], *args: object) -> T:
    for _ in range(TRIES):
        try:
            return await run.processes.run(func, *args, timeout=MAPPED_WITHIN_S)
        except ProcessDied:
            continue
        except TimeoutError:
            raise SourceError(f"its {_size(item):,} bytes cannot be mapped within {MAPPED_WITHIN_S:.0f} s") from None
    raise SourceError(f"the process that maps its {_size(item):,} bytes ended {TRIES} times: is there enough memory?")


def _size(item: Item) -> int:
    return sum(len(one.record) + len(one.detail) for one in (item, *item.beside.values()))
