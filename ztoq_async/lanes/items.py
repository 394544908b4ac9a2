"""Journal rows with the records behind them and beside them, as the pure rules need them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Protocol

from msgspec import structs

from ztoq_async.kinds import KINDS
from ztoq_async.lanes.run import Run
from ztoq_async.mapping.kind import Item, Kind, Refs
from ztoq_async.store.changes import Former
from ztoq_async.store.overview import Known

_SOURCES = {kind.name: kind.source for kind in KINDS}


class Row(Protocol):
    """What claimed rows, doubts and known rows have in common."""

    @property
    def id(self) -> int: ...
    @property
    def key(self) -> str: ...
    @property
    def parents(self) -> tuple[str, ...]: ...
    @property
    def record(self) -> bytes: ...
    @property
    def detail(self) -> bytes: ...


async def items_as_made(run: Run, kind: Kind, rows: Collection[Known]) -> dict[int, Item]:
    """The same for rows that are done: what stands beside them as it was when they were made of it."""
    items = await items_of(run, kind, rows)
    names = {name for item in items.values() for name in item.beside}
    formers = await run.changes.formers(names) if names else {}
    return {row.id: _as_made(items[row.id], row.epoch, formers) for row in rows} if formers else items


def _as_made(item: Item, epoch: int, formers: Mapping[str, list[Former]]) -> Item:
    beside, past = dict(item.beside), dict(item.past)
    for name, earlier in formers.items():
        then = next((former for former in earlier if former.until > epoch), None)
        if then is not None and name in beside:
            beside[name] = structs.replace(beside[name], detail=then.detail)
            past[name] = then.made
    return structs.replace(item, beside=beside, past=past) if past else item


async def items_of(run: Run, kind: Kind, rows: Collection[Row]) -> dict[int, Item]:
    """The item of each row by the row's id; one question for all that stand beside them."""
    names = {name for row in rows for name in _beside(kind, row.parents)}
    family = await run.overview.family({name: _SOURCES[name] for name in kind.beside}, names) if names else {}
    return {row.id: Item(row.key, row.parents, row.record, row.detail, _near(row.parents, family)) for row in rows}


def _near(parents: tuple[str, ...], family: Mapping[str, Item]) -> dict[str, Item]:
    """Those of a family that stand beside one row: its parents, and theirs."""
    near: dict[str, Item] = {}
    names = list(parents) if family else []
    while names:
        name = names.pop()
        if name in family and name not in near:
            near[name] = family[name]
            names += near[name].parents
    return near


def beside_of(kind: Kind, rows: Iterable[Iterable[str]]) -> dict[str, set[str]]:
    """Which of the parents of some rows stand beside them: source of the archive to names of rows."""
    found: dict[str, set[str]] = {}
    for parents in rows:
        for name in _beside(kind, parents):
            found.setdefault(_SOURCES[name.partition(":")[0]], set()).add(name)
    return found


def _beside(kind: Kind, parents: Iterable[str]) -> list[str]:
    return [name for name in parents if name.partition(":")[0] in kind.beside]


async def remember(run: Run, items: Iterable[Item]) -> None:
    """One question for what `refs_of` will be asked of each."""
    await run.journal.refs({name for item in items for name in (*item.parents, *item.beside)})


async def refs_of(run: Run, item: Item) -> Refs:
    """What the parents of an item keep for it, and what stands beside it keeps."""
    found = await run.journal.refs([*item.parents, *(name for name in item.beside if name not in item.parents)])
    return {**found, **item.past} if item.past else found
