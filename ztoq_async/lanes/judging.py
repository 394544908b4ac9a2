"""Which objects may be deleted: ours, as they were made, with nothing on them that stays (protocol.md, rule 19)."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from ztoq_async.errors import SourceError
from ztoq_async.kinds import KINDS
from ztoq_async.lanes.deleting import Users, id_of, rows_of, shown, users_of
from ztoq_async.lanes.items import items_as_made, refs_of
from ztoq_async.lanes.large import built, differences
from ztoq_async.lanes.run import Run, one_error
from ztoq_async.mapping.kind import Item, Kind, Refs
from ztoq_async.qtest.listing import Listing
from ztoq_async.store.overview import Known
from ztoq_async.store.undone import Own

DELETED, SPARED, GONE = "deleted", "spared", "gone"

Listed = Mapping[int, tuple[str, Any]]
"""The objects of a list that carry keys: key and object by id."""


class Verdict(msgspec.Struct, frozen=True):
    """What is to become of an object, and why it stays."""

    word: str
    why: str = ""


def along(kind: Kind) -> list[Kind]:
    """The kinds whose rows are gone with an object of this kind."""
    return [other for other in KINDS if kind.name in other.goes_with]


class Judge:
    """Looks at objects of one kind after the other; what stays keeps what it stands below.

    Of what stays a number each is kept in memory.
    """

    def __init__(self, run: Run, *, include_adopted: bool) -> None:
        self._run = run
        self._adopted = include_adopted
        self._staying: set[int] = set()
        self._last: tuple[Listing, Listed] | None = None

    def stays(self, kind: Kind, row: Known) -> None:
        """What the object stands below, or uses, is kept from now on."""
        self._staying.add(hash((kind.reported, row.target_id)))

    async def users(self, kind: Kind) -> Users:
        """What uses objects of the kind and does not go before them; those of the same kind may still do so."""

        async def counting(label: str, ids: Sequence[int]) -> set[int]:
            going = () if label == kind.reported else self._going(label, await self._own(label, ids))
            return set(ids) - set(going)

        return await users_of(self._run, kind, counting)

    async def judge(self, kind: Kind, rows: Sequence[Known], users: Users) -> dict[int, Verdict]:
        """The verdict on each of some rows, by its id; the list in which they were made is read once for all."""
        items = await items_as_made(self._run, kind, rows)
        listed = await self._listed(kind, rows, items)
        with one_error():
            async with asyncio.TaskGroup() as group:
                tasks = {
                    row.id: group.create_task(self._one(kind, row, items[row.id], listed.get(row.id, {}), users))
                    for row in rows
                }
        return {identifier: task.result() for identifier, task in tasks.items()}

    async def _own(self, label: str, ids: Sequence[int]) -> dict[int, Own]:
        """The rows of those of some objects that are ours."""
        return await self._run.undone.own([kind.name for kind in KINDS if kind.reported == label], ids)

    def _going(self, label: str, own: Mapping[int, Own]) -> dict[int, str]:
        """Those of our objects that go before what they stand below or use, with the keys of their rows."""
        kinds = {kind.name: kind for kind in KINDS}
        return {
            identifier: row.key
            for identifier, row in own.items()
            if hash((label, identifier)) not in self._staying
            and (row.gone or self._adopted or not row.adopted or kinds[row.kind].delete is not None)
        }

    async def _listed(self, kind: Kind, rows: Sequence[Known], items: Mapping[int, Item]) -> dict[int, Listed]:
        """For each row what the list in which it was made shows now."""
        wanted: dict[Listing, list[int]] = defaultdict(list)
        for row in rows:
            try:
                target, _ = await built(self._run, kind, items[row.id])
                listing = kind.find(target, self._run.context, await refs_of(self._run, items[row.id]))
            except SourceError:
                continue  # _one says so
            wanted[listing].append(row.id)
        with one_error():
            async with asyncio.TaskGroup() as group:
                reading = {listing: group.create_task(self._read(kind, listing)) for listing in wanted}
        for listing, task in reading.items():
            self._last = listing, task.result()
        return {identifier: reading[listing].result() for listing, ids in wanted.items() for identifier in ids}

    async def _read(self, kind: Kind, listing: Listing) -> Listed:
        if self._last is not None and self._last[0] == listing:
            return self._last[1]  # the rest of a long list's rows
        rows = await rows_of(self._run, listing)
        return {made.id: (key, actual) for key, made, actual in kind.recognise(rows, self._run.context)}

    async def _one(self, kind: Kind, row: Known, item: Item, listed: Listed, users: Users) -> Verdict:
        assert row.target_id is not None
        if row.origin == "adopted" and not self._adopted:
            return Verdict(SPARED, "it was there before: adopted")
        try:
            names = await self._changed(kind, item, row.target_id, listed.get(row.target_id))
        except (SourceError, msgspec.DecodeError) as error:
            return Verdict(SPARED, f"it cannot be compared with what was made: {error}")
        if names is None:
            return Verdict(GONE)
        if not names and row.target_id not in listed:
            names = ["it does not stand where it was made"]
        if names:
            return Verdict(SPARED, f"changed since: {', '.join(names)}")
        why = await self._hanging(kind, row.target_id, users)
        return Verdict(SPARED, why) if why else Verdict(DELETED)

    async def _changed(
        self, kind: Kind, item: Item, identifier: int, listed: tuple[str, Any] | None
    ) -> list[str] | None:
        """What people have changed in an object: as its list shows it, else as it is shown alone. None: it is gone."""
        refs = await refs_of(self._run, item)
        target, _ = await built(self._run, kind, item)
        names = None
        if listed is not None:
            key, actual = listed
            names = await self._named(kind, item, target, actual, refs)
            if key != item.key:
                return ["key"]
        if names is None:
            answer = await shown(self._run, kind, identifier, refs)
            if answer is None:
                return None
            _, actual = kind.made(answer.body, None, self._run.context)
            names = await self._named(kind, item, target, actual, refs)
        return ["qTest does not show it whole"] if names is None else names

    async def _named(self, kind: Kind, item: Item, target: Any, actual: Any, refs: Refs) -> list[str] | None:
        names = await differences(self._run, kind, item, target, actual, refs)
        return None if names is None else [*names, *kind.added(target, actual)]

    async def _hanging(self, kind: Kind, identifier: int, users: Users) -> str:
        """What stands below an object or uses it, and does not go before it or with it; "" if nothing."""
        for label, user in users.get(identifier, ()):
            own = await self._own(label, [user])
            if not self._going(label, own):
                return f"{label} {user}{', which stays,' if own else ''} uses it"
        for label, listing in kind.holds(identifier, self._run.context):
            rows = {id_of(row): row for row in await rows_of(self._run, listing)}
            own = await self._own(label, list(rows))
            going = self._going(label, own)
            staying = min(set(rows) - set(going), key=lambda below: (below in own, below), default=None)
            if staying is not None:
                return f"it holds {label} {staying}{', which stays' if staying in own else ''}"
            for other in along(kind):
                if rows and other.reported == label and other.read_back is not None:
                    why = await self._changed_below(other, rows, going)
                    if why:
                        return f"it holds {label} {why}"
        return ""

    async def _changed_below(self, kind: Kind, rows: Mapping[int, bytes], going: Mapping[int, str]) -> str:
        """What people have changed in objects that go with the one above; "" if nothing."""
        recognised = kind.recognise(list(rows.values()), self._run.context)
        listed = {made.id: (key, actual) for key, made, actual in recognised}
        known = await self._run.overview.by_keys(kind.name, kind.source, list(going.values()))
        items = await items_as_made(self._run, kind, list(known.values()))
        for identifier, key in going.items():
            if key not in known or identifier not in listed:
                return f"{identifier}, changed since: key"
            try:
                names = await self._changed(kind, items[known[key].id], identifier, listed[identifier])
            except (SourceError, msgspec.DecodeError) as error:
                return f"{identifier}, which cannot be compared with what was made: {error}"
            if names:
                return f"{identifier}, changed since: {', '.join(names)}"
        return ""
