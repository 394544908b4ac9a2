"""Requests that took effect after the look that missed them (protocol.md, rules 7 and 8).

Of two objects with one key the journal's stays. The other goes only if it is provably ours; else it is named.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime

from ztoq_async.errors import Refused, SourceError
from ztoq_async.lanes.deleting import Users, deleted, id_of, pages_of, shown, users_of
from ztoq_async.lanes.items import items_of, refs_of
from ztoq_async.lanes.large import built, differences
from ztoq_async.lanes.run import Run, Surplus, plural
from ztoq_async.lanes.settle import list_of
from ztoq_async.mapping.kind import Item, Kind, Made, Refs
from ztoq_async.qtest import paths
from ztoq_async.qtest.listing import Listing
from ztoq_async.resources.calls import Answer
from ztoq_async.store.late import Orphan
from ztoq_async.store.overview import Known
from ztoq_async.store.transitions import DONE, DOUBT, PENDING, SENT

CLOCK_S = 2.0
"""Dates of qTest have whole seconds, and so has the header by which their age is told."""


async def find_surplus(run: Run, kind: Kind, key: str, row: Known | None, made: Made) -> None:
    """Names an object that has our key and is not the journal's, or keeps it until it is known whether it may go.

    Labels of fields are no keys: people may have given one twice, and only a row that was sent again may have.
    """
    ours = kind.is_ours(key, run.context) if row is None else row.resent or kind.keyed(run.context)
    if not ours or await run.overview.is_made(key, made.id):
        return
    if run.writes and row is not None and row.resent and row.state == DONE and kind.delete and kind.creation:
        run.surplus[kind.name, made.id] = Surplus(kind, row, made.id)
    else:
        _name(run, kind, key, made.id)


def _name(run: Run, kind: Kind, key: str, identifier: int, why: str = "") -> None:
    run.add_extra(kind.reported, f"{kind.name} {key}: id {identifier}")
    if why:
        run.note(f"the second {kind.name} {key}, id {identifier}, was left: {why}")


async def settle_late(run: Run, kinds: Sequence[Kind]) -> None:
    """Lists the parents of rows that were sent again, once all has settled; removes or names what is there twice."""
    for kind in kinds:
        await _list_again(run, kind)
    await _settle_orphans(run, {kind.name: kind for kind in kinds})
    by_kind: dict[str, list[Surplus]] = defaultdict(list)
    for found in run.surplus.values():
        by_kind[found.kind.name].append(found)
    for group in by_kind.values():
        users = await users_of(run, group[0].kind, _all)
        for found in group:
            run.check()
            await _settle(run, found, users)
    run.surplus.clear()


async def _all(label: str, ids: Sequence[int]) -> set[int]:
    return set(ids)


async def _list_again(run: Run, kind: Kind) -> None:
    """Where nothing is written, also what an index is trusted with else."""
    listed = kind.index and not run.writes
    wait_s = await run.late.settled_in(kind.name, run.settings.qtest.settle_s, listed=listed)
    if wait_s is None:
        return
    run.lane("verify").begin(f"waiting {wait_s:.0f} s, then looking for {plural(kind.name)} that were made late")
    await run.sleep(wait_s)
    run.check()
    async for rows in run.late.resent(kind.name, kind.source, listed=listed):
        if kind.repeated is not None:
            await _ask_again(run, kind, rows)
            looked = list(rows)
        else:
            looked = await _look_again(run, kind, rows)
        if run.writes:
            await run.late.listed_again([row.id for row in looked])


async def _look_again(run: Run, kind: Kind, rows: Sequence[Known]) -> list[Known]:
    """Those whose parent's list was read; of the others nobody knows where they would be."""
    groups: dict[Listing, dict[str, Known]] = defaultdict(dict)
    items = await items_of(run, kind, rows)
    for row in rows:
        listing, _ = await list_of(run, kind, items[row.id])
        if listing is not None:
            groups[listing][row.key] = row
    for listing, group in groups.items():
        await _look(run, kind, listing, group)
    return [row for group in groups.values() for row in group.values()]


async def _look(run: Run, kind: Kind, listing: Listing, rows: Mapping[str, Known]) -> None:
    async for page in pages_of(run, listing):
        for key, made, _ in kind.recognise(page, run.context):
            row = rows.get(key)
            if row is not None and made.id != row.target_id:
                await find_surplus(run, kind, key, row, made)


async def _ask_again(run: Run, kind: Kind, rows: Sequence[Known]) -> None:
    """What cannot be undone is named where it can be seen."""
    assert kind.repeated is not None
    for row in rows:
        refs = await run.journal.refs(row.parents)
        answer = await shown(run, kind, row.target_id, refs) if row.target_id else None
        words = kind.repeated(answer.body) if answer else ""
        if words:
            run.note(f"{row.key} {words}")
        run.check()


async def _settle_orphans(run: Run, kinds: Mapping[str, Kind]) -> None:
    """Rule 8: forgotten where the journal has the object meanwhile, or where it is gone."""
    for orphan in await run.late.orphans():
        kind = kinds[orphan.kind]
        row = (await run.overview.by_keys(kind.name, kind.source, [orphan.key])).get(orphan.key)
        if row is not None and row.state in (PENDING, SENT, DOUBT):
            continue  # the next run settles the row first
        forgotten = row is not None and row.target_id == orphan.target_id
        if not forgotten and row is not None and kind.one is not None:
            refs = await run.journal.refs(row.parents)
            forgotten = await _is_gone(run, kind, orphan.target_id, refs)
        if not forgotten:
            await find_surplus(run, kind, orphan.key, row, Made(orphan.target_id))
        elif run.writes:
            await run.late.forget(orphan)
        run.check()


async def _is_gone(run: Run, kind: Kind, identifier: int, refs: Refs) -> bool:
    try:
        return await shown(run, kind, identifier, refs) is None
    except SourceError:
        return False


async def _settle(run: Run, found: Surplus, users: Users) -> None:
    kind, row, identifier = found.kind, found.row, found.id
    item = (await items_of(run, kind, [row]))[row.id]
    refs = await refs_of(run, item)
    answer = await shown(run, kind, identifier, refs)
    if answer is None:
        return
    why = await _doubtful(run, found, item, refs, answer) or await _hanging(run, kind, identifier, users)
    try:
        if not why and await deleted(run, kind, identifier, refs):
            await run.late.forget(Orphan(kind.name, row.key, identifier))
            run.add_removed(kind.reported, f"{kind.name} {row.key}: its late duplicate, id {identifier}, was deleted")
            return
    except Refused as error:
        why = str(error)
    _name(run, kind, row.key, identifier, why or "it could not be deleted")


async def _doubtful(run: Run, found: Surplus, item: Item, refs: Refs, answer: Answer) -> str:
    """Why it is not surely what a request of ours has made and nobody has touched since; "" if it is."""
    kind = found.kind
    assert kind.creation is not None
    try:
        _, actual = kind.made(answer.body, None, run.context)
        target, _ = await built(run, kind, item)
        names = await differences(run, kind, item, target, actual, refs)
    except SourceError as error:
        return str(error)
    creation = kind.creation(actual)
    if creation.user_id is None or creation.user_id != await _own_id(run):
        return "another user made it, or the site does not say who"
    since, age = await run.late.age(found.row.id), _age(creation.date, answer)
    if since is None or age is None or age > since + CLOCK_S:
        return "it was made before the first request for it was sent, or the site does not say when"
    if names is None:
        return "it is not shown whole"
    names = [*names, *kind.added(target, actual)]
    return f"it differs: {', '.join(names)}" if names else ""


def _age(created: str | None, answer: Answer) -> float | None:
    """Seconds since an object was made, both times by the service's own clock."""
    try:
        made = datetime.fromisoformat(created or "")
        now = parsedate_to_datetime(answer.headers.get("date", ""))
    except ValueError:
        return None
    return (now - made).total_seconds() if made.tzinfo and now.tzinfo else None


async def _own_id(run: Run) -> int:
    if run.user_id is None:
        profile = await run.qtest.get(paths.profile(run.context.target.project_id), dict[str, object])
        run.user_id = int(str(profile.get("user_id") or 0))
    return run.user_id


async def _hanging(run: Run, kind: Kind, identifier: int, users: Users) -> str:
    """What hangs on an object; "" if nothing does."""
    for label, user in users.get(identifier, ()):
        return f"{label} {user} hangs on it"
    for label, listing in kind.holds(identifier, run.context):
        async for page in pages_of(run, listing):
            for row in page:
                return f"{label} {id_of(row)} hangs on it"
    return ""
