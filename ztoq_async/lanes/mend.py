"""Makes equal what differs in qTest: since its source has changed, or in a repair since somebody changed it there.

A change is a PUT: read, compare, write (protocol rule 13). Whether people have changed an object is seen by what it
showed when it was last found equal; what they changed is theirs, unless the settings or a repair say otherwise.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import msgspec

from ztoq_async.errors import OutcomeUnknown, Refused, SourceError, Unauthorised
from ztoq_async.kinds import KINDS
from ztoq_async.lanes.items import items_as_made, refs_of
from ztoq_async.lanes.large import built
from ztoq_async.lanes.load import Load
from ztoq_async.lanes.run import Run, one_error, plural
from ztoq_async.lanes.verify import Look, differing, digest, look_again, look_at
from ztoq_async.mapping.kind import Item, Kind, Made
from ztoq_async.resources.batches import batch_processor
from ztoq_async.resources.calls import Call
from ztoq_async.store.changes import Arrived, Left
from ztoq_async.store.overview import Known, Seen

ROUNDS = 3
FOLLOWERS = {kind.name: kind for kind in KINDS if kind.follows is not None}

Work = tuple[Known, Item, Look]


async def mend(run: Run, kinds: Sequence[Kind], *, whoever: bool = False) -> bool:
    """Changes what verification found to differ; with `whoever`, also what people have changed. Whether it did any.

    What must follow on a change is made once more, and what was changed is looked at again.
    """
    mending = _Mending(run, whoever=whoever or run.settings.verify.conflicts == "source")
    for kind in kinds:
        if kind.amend is not None:
            await mending.mend(kind)
    await make(run, mending.again)
    for kind in kinds:
        if kind.name in mending.unseen:
            with run.verifying():
                await look_again(run, kind)
    if mending.unsure:
        run.note(
            f"{mending.unsure} records differ that were never found equal: people may have changed them, so they were "
            "left; repair makes them as Zephyr has them"
        )
    return mending.changed


async def name_conflicts(run: Run, kinds: Sequence[Kind]) -> None:
    """Names what people have changed, and leaves it."""
    for kind in kinds:
        if kind.amend is not None:
            async for rows in run.changes.rows(kind.name, kind.source):
                for row in rows:
                    if row.touched:
                        _conflict(run, kind, row, row.differences)


async def make_missing(run: Run, kinds: Sequence[Kind]) -> bool:
    """Makes again what verification looked for in vain, what must follow on it, and what was cut off earlier.

    Whether there was any.
    """
    missing: set[str] = set()
    for kind in kinds:
        if not (kind.reported and kind.read_back):
            continue  # nobody looks for these
        async for rows in run.overview.rows(kind.name, kind.source, unseen=True):
            missing.add(kind.name)
            await run.changes.make_again([row.id for row in rows])
            missing |= await _follow(run, {f"{kind.name}:{row.key}": None for row in rows})
    missing |= {kind.name for kind in kinds if await run.overview.open_rows(kind.name)}
    await make(run, missing)
    return bool(missing)


async def make(run: Run, names: set[str]) -> None:
    """Makes the pending rows of these kinds."""
    ready = asyncio.Event()
    ready.set()
    for kind in KINDS:
        if kind.name in names:
            await Load(run, kind, ready).make()
            run.check()


async def _follow(run: Run, parents: Mapping[str, Made | None]) -> set[str]:
    """The calls that must follow on a change of these are pending again; the kinds of those rows."""
    found = await run.changes.followers(FOLLOWERS, parents)
    rows = [
        (row, kind)
        for name, below in found.items()
        for row, kind in below
        if (follows := FOLLOWERS[kind].follows) is not None and follows(parents[name])
    ]
    await run.changes.make_again([row for row, _ in rows])
    return {kind for _, kind in rows}


class _Mending:
    def __init__(self, run: Run, *, whoever: bool) -> None:
        self._run = run
        self._whoever = whoever
        self.changed = False
        self.again: set[str] = set()
        self.unseen: set[str] = set()
        self.unsure = 0

    async def mend(self, kind: Kind) -> None:
        run = self._run
        async for rows in run.changes.rows(kind.name, kind.source):
            run.lane("verify").begin(f"changing {plural(kind.name)}", len(rows))
            doubts = await self._round(kind, rows)
            for _ in range(ROUNDS - 1):
                if doubts:
                    await run.sleep(run.settings.qtest.settle_s)
                    run.check()
                    doubts = await self._round(kind, doubts)
            for row in doubts:
                self._left(kind, row, f"qTest gave no usable answer to {ROUNDS} changes")
            run.check()

    async def _round(self, kind: Kind, rows: Sequence[Known]) -> list[Known]:
        """One change of each that needs one; those of which nobody knows whether it has arrived."""
        run = self._run
        arrived: list[tuple[Known, Look]] = []
        equal: list[Seen] = []
        work: list[Work] = []
        for row, item, look in await self._looks(kind, rows):
            shown = digest(run, kind, look.actual)
            if not look.differences and row.changing:
                arrived.append((row, look))
            elif not look.differences:  # somebody else has made it so
                equal.append(Seen(row.id, [], shown))
            elif row.changing or self._whoever or not row.touched or (shown and shown == row.shown):
                work.append((row, item, look))  # a list may show less than was last seen: then it is as it was, too
            else:
                _conflict(run, kind, row, look.differences)
                self.unsure += row.shown is None
        await run.overview.mark(equal)
        await self._arrived(kind, arrived)
        doubts: list[Known] = []
        for some in batch_processor(work, 2 * run.settings.limits.in_flight):
            doubts += await self._send(kind, some)
            run.check()
        return doubts

    async def _send(self, kind: Kind, work: Sequence[Work]) -> list[Known]:
        """No more of them are on their way at once than of what is made (rule 2)."""
        await self._run.changes.begin([row.id for row, _, _ in work])
        with one_error():
            async with asyncio.TaskGroup() as group:
                sent = [(row, group.create_task(self._change(kind, row, item, look))) for row, item, look in work]
        ends = [(row, task.result()) for row, task in sent]
        await self._arrived(kind, [(row, end) for row, end in ends if isinstance(end, Look)])
        await self._run.changes.left([end for _, end in ends if isinstance(end, Left)])
        return [msgspec.structs.replace(row, changing=True) for row, end in ends if end is None]

    async def _looks(self, kind: Kind, rows: Sequence[Known]) -> list[Work]:
        items = await items_as_made(self._run, kind, rows)
        if kind.partly:  # what the list has shown is all that there is to see
            return [(row, items[row.id], Look(list(row.differences))) for row in rows]
        with self._run.verifying():
            looks = await look_at(self._run, kind, [(row, items[row.id]) for row in rows])
        return [(row, items[row.id], look) for row, look in looks]

    async def _change(self, kind: Kind, row: Known, item: Item, look: Look) -> Look | Left | None:
        """What qTest shows after the change; None if nobody knows."""
        run = self._run
        answer = b""
        try:
            for call in await self._calls(kind, row, item, look):
                answer = (await run.qtest.send(call)).body
        except Unauthorised:
            raise
        except (SourceError, Refused) as error:
            self._left(kind, row, str(error))
            return Left(row.id, None)
        except OutcomeUnknown:
            return None
        run.lane("verify").done += 1
        return await self._shown(kind, row, item, answer)

    async def _calls(self, kind: Kind, row: Known, item: Item, look: Look) -> list[Call]:
        """The calls that make it equal; `SourceError` where none can."""
        assert kind.amend is not None and row.target_id is not None
        target, _ = await built(self._run, kind, item)
        refs = await refs_of(self._run, item)
        return kind.amend(target, row.target_id, look.actual, look.differences, self._run.context, refs)

    async def _shown(self, kind: Kind, row: Known, item: Item, answer: bytes) -> Look | Left:
        """What an answer shows, or where that is not the whole, what is there: equal but for what no call changes."""
        if kind.partly:
            return Look([], _held(row))
        try:
            made, actual = kind.made(answer, None, self._run.context)
            if await differing(self._run, kind, item, actual) == []:
                return Look([], made, actual)
        except msgspec.DecodeError:
            pass
        looks = await look_at(self._run, kind, [(row, item)])
        look = looks[0][1] if looks else Look(["it is gone"])
        if not look.differences:
            return look
        try:
            if look.actual is not None:
                await self._calls(kind, row, item, look)
        except SourceError as error:
            self._left(kind, row, str(error))
            return look
        self._left(kind, row, f"after the change these still differ: {', '.join(look.differences)}")
        return Left(row.id, digest(self._run, kind, look.actual))

    async def _arrived(self, kind: Kind, rows: Sequence[tuple[Known, Look]]) -> None:
        """Keeps that these are equal again; what must follow on it is pending, and they are looked at after it."""
        if not rows:
            return
        run = self._run
        made = {f"{kind.name}:{row.key}": look.made or _held(row) for row, look in rows}
        found = [
            Arrived(row.id, look.made or _held(row), digest(run, kind, look.actual), look.differences)
            for row, look in rows
        ]
        await run.changes.arrived(kind.source, found)
        self.changed = True
        again = await _follow(run, made)
        self.again |= again
        if again or kind.partly:
            self.unseen.add(kind.name)
            await run.changes.look_again([row.id for row, _ in rows])

    def _left(self, kind: Kind, row: Known, words: str) -> None:
        self._run.note(f"{kind.name} {row.key} stays different in qTest: {words}")


def _conflict(run: Run, kind: Kind, row: Known, names: Sequence[str]) -> None:
    if row.shown is not None:  # else it was never found equal: nobody knows whether people had a hand in it
        run.conflict(kind.name, row.key, list(names))
        run.kept += run.settings.verify.conflicts == "target"


def _held(row: Known) -> Made:
    return Made(row.target_id or 0, row.version_id, row.step_ids)
