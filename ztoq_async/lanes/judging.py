"""Which objects may be deleted: ours, as they were made, with nothing on them that stays (protocol.md, rule 19)."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from ztoq_async.errors import SourceError
from ztoq_async.kinds import KINDS
from ztoq_async.lanes.deleting import Users, id_of, pages_of, shown, users_of
from ztoq_async.lanes.items import items_as_made, refs_of
from ztoq_async.lanes.large import built, differences
from ztoq_async.lanes.run import Run, one_error
from ztoq_async.lanes.verify import digest
from ztoq_async.mapping.kind import Item, Kind
from ztoq_async.qtest.listing import Listing
from ztoq_async.store.overview import Known
from ztoq_async.store.undone import Own

DELETED, SPARED, GONE = "deleted", "spared", "gone"
FRESH_S = 300.0
"""What a list has shown of people's changes and uses counts for so long; then it is read again."""
NOT_WHOLE = ["qTest does not show it whole"]

Names = list[str] | None
"""What people have changed in an object; None where that is not known."""
Listed = dict[int, Names]
"""The objects of ours in a list, by id."""


class Verdict(msgspec.Struct, frozen=True):
    """What is to become of an object, and why it stays."""

    word: str
    why: str = ""


def along(kind: Kind) -> list[Kind]:
    """The kinds whose rows are gone with an object of this kind."""
    return [other for other in KINDS if kind.name in other.goes_with]


class Judge:
    """Looks at objects of one kind after the other; what stays keeps what it stands below or uses.

    Of what stays a number each is kept in memory, of lists what is changed in those of one batch.
    """

    def __init__(self, run: Run, *, include_adopted: bool) -> None:
        self._run = run
        self._adopted = include_adopted
        self._staying: set[int] = set()
        self._lists: dict[Listing, tuple[float, Listed]] = {}
        self._users: tuple[str, float, Users] = ("", 0.0, {})

    def stays(self, kind: Kind, row: Known) -> None:
        """What the object stands below, or uses, is kept from now on."""
        self._staying.add(hash((kind.reported, row.target_id)))

    async def judge(self, kind: Kind, rows: Sequence[Known]) -> dict[int, Verdict]:
        """The verdict on each of some rows, by its id; the list in which they were made is read once for all."""
        users = await self._users_of(kind)
        items = await items_as_made(self._run, kind, rows)
        listed = await self._listed(kind, rows, items)
        with one_error():
            async with asyncio.TaskGroup() as group:
                tasks = {
                    row.id: group.create_task(self._one(kind, row, items[row.id], listed.get(row.id, {}), users))
                    for row in rows
                }
        return {identifier: task.result() for identifier, task in tasks.items()}

    async def _users_of(self, kind: Kind) -> Users:
        """What uses objects of the kind and does not go before them; those of the same kind may still do so."""

        async def counting(label: str, ids: Sequence[int]) -> set[int]:
            going = () if label == kind.reported else self._going(label, await self._own(label, ids))
            return set(ids) - set(going)

        name, when, users = self._users
        if name != kind.name or time.monotonic() - when > FRESH_S:
            users = await users_of(self._run, kind, counting)
            self._users = kind.name, time.monotonic(), users
        return users

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
        """For each row what the list in which it was made shows."""
        wanted: dict[Listing, list[int]] = defaultdict(list)
        for row in rows:
            try:
                target, _ = await built(self._run, kind, items[row.id])
                listing = kind.find(target, self._run.context, await refs_of(self._run, items[row.id]))
            except SourceError:
                continue  # _one says so
            wanted[listing].append(row.id)
        fresh = time.monotonic() - FRESH_S
        known = {listing: found for listing, found in self._lists.items() if listing in wanted and found[0] > fresh}
        with one_error():
            async with asyncio.TaskGroup() as group:
                reading = {
                    listing: group.create_task(self._read(kind, listing)) for listing in wanted if listing not in known
                }
        self._lists = known | {listing: (time.monotonic(), task.result()) for listing, task in reading.items()}
        return {identifier: self._lists[listing][1] for listing, ids in wanted.items() for identifier in ids}

    async def _read(self, kind: Kind, listing: Listing) -> Listed:
        listed: Listed = {}
        async for page in pages_of(self._run, listing):
            listed |= await self._compared(kind, page)
        return listed

    async def _compared(self, kind: Kind, page: list[bytes]) -> Listed:
        """What is changed in those objects of a page that are some row's."""
        found = list(kind.recognise(page, self._run.context))
        rows = await self._run.overview.by_keys(kind.name, kind.source, [key for key, _, _ in found])
        items = await items_as_made(self._run, kind, list(rows.values()))
        listed: Listed = {}
        for key, made, actual in found:
            row = rows.get(key)
            if row is not None and row.target_id == made.id:  # a second one of that key is not ours
                listed[made.id] = await self._named(kind, row, items[row.id], actual)
        return listed

    async def _one(self, kind: Kind, row: Known, item: Item, listed: Listed, users: Users) -> Verdict:
        assert row.target_id is not None
        if row.origin == "adopted" and not self._adopted:
            return Verdict(SPARED, "it was there before: adopted")
        names = listed.get(row.target_id)
        if names is None:
            alone = await self._alone(kind, row, item)
            if alone is None:
                return Verdict(GONE)
            names = alone or ([] if row.target_id in listed else ["it does not stand where it was made"])
        if names:
            return Verdict(SPARED, f"changed since: {', '.join(names)}")
        why = await self._hanging(kind, row.target_id, users)
        return Verdict(SPARED, why) if why else Verdict(DELETED)

    async def _alone(self, kind: Kind, row: Known, item: Item) -> Names:
        """What is changed in an object that its list lacks or does not show whole; None: it is gone."""
        assert row.target_id is not None
        answer = await shown(self._run, kind, row.target_id, await refs_of(self._run, item))
        if answer is None:
            return None
        _, actual = kind.made(answer.body, None, self._run.context)
        names = await self._named(kind, row, item, actual)
        return NOT_WHOLE if names is None else names

    async def _named(self, kind: Kind, row: Known, item: Item, actual: Any) -> Names:
        """What differs from its source, unless it shows what it did when it was last found equal: then that changed."""
        target, unchanged = None, row.shown is not None and row.shown == digest(self._run, kind, actual)
        try:
            target, _ = await built(self._run, kind, item)
            names = await differences(self._run, kind, item, target, actual, await refs_of(self._run, item))
        except SourceError as error:
            names = [f"it cannot be compared with what was made: {error}"]
        if names is None:
            return None
        return [*([] if unchanged else names), *(kind.added(target, actual) if target is not None else ())]

    async def _hanging(self, kind: Kind, identifier: int, users: Users) -> str:
        """What stands below an object or uses it, and does not go before it or with it; "" if nothing."""
        for label, user in users.get(identifier, ()):
            own = await self._own(label, [user])
            if not self._going(label, own):
                return f"{label} {user}{', which stays,' if own else ''} uses it"
        for label, listing in kind.holds(identifier, self._run.context):
            async for page in pages_of(self._run, listing):
                rows = {id_of(row): row for row in page}
                own = await self._own(label, list(rows))
                going = self._going(label, own)
                staying = min(set(rows) - set(going), key=lambda below: (below in own, below), default=None)
                if staying is not None:
                    return f"it holds {label} {staying}{', which stays' if staying in own else ''}"
                for other in along(kind):
                    if other.reported == label and other.read_back is not None:
                        why = await self._changed_below(other, page, going)
                        if why:
                            return f"it holds {label} {why}"
        return ""

    async def _changed_below(self, kind: Kind, page: list[bytes], going: Mapping[int, str]) -> str:
        """What people have changed in objects that go with the one above; "" if nothing."""
        listed = await self._compared(kind, page)
        for identifier, key in going.items():
            names = listed.get(identifier, ["key"])
            if names is None:
                row = (await self._run.overview.by_keys(kind.name, kind.source, [key]))[key]
                names = await self._alone(kind, row, (await items_as_made(self._run, kind, [row]))[row.id])
            if names:
                return f"{identifier}, changed since: {', '.join(names)}"
        return ""
