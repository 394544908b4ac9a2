"""The journal going backwards, on a real PostgreSQL: what may follow on what, what goes along, what is planned anew."""

import contextlib
import random

import pytest

from ztoq_async.errors import FenceError
from ztoq_async.mapping.kind import Made
from ztoq_async.plan import Row
from ztoq_async.store import passes
from ztoq_async.store.journal import Journal
from ztoq_async.store.late import Late
from ztoq_async.store.tenure import tenure
from ztoq_async.store.transitions import DONE, DOUBT, GONE, PENDING, REFUSED, SENT, UNDO_FROM, UNDOING, Transition
from ztoq_async.store.undone import Undone

STATES = (PENDING, SENT, DOUBT, DONE, REFUSED, UNDOING, GONE)


@contextlib.asynccontextmanager
async def opened(store):
    """The journal of a new epoch, and what goes backwards in it."""
    async with tenure(store, "zephyr", "qtest", 0.0) as held:
        journal = Journal(store, held, await passes.open_pass(store, "all"))
        yield journal, Undone(store, journal), Late(store, journal)


async def fetch(store, query, *arguments):
    async with store.session() as session:
        return await session.fetch(query, *arguments)


async def rows_of(store):
    return {f"{row['kind']}:{row['key']}": dict(row) for row in await fetch(store, "SELECT * FROM journal")}


async def make(journal, rows):
    """Plans and makes rows, each when its parents are done; objects have the ids 1, 2, and so on."""
    await journal.plan(rows)
    kinds, number = {row.kind for row in rows}, 0
    while claimed := [row for kind in sorted(kinds) for row in await journal.claim(kind, "", 99)]:
        for row in claimed:
            number += 1
            journal.hand_over(Transition(row.id, DONE, Made(number, 7, (8,)), "created"))
        await journal.flush()


@pytest.mark.parametrize("before", STATES)
@pytest.mark.parametrize("after", [UNDOING, DONE, GONE])
async def test_only_the_ways_of_the_table_are_gone(before, after, store):
    """What the table does not have changes nothing at all."""
    async with opened(store) as (journal, undone, _):
        await make(journal, [Row("k", "a")])
        await fetch(store, "UPDATE journal SET state = $1", before)
        old = (await rows_of(store))["k:a"]
        change = {UNDOING: undone.undoes, DONE: undone.stays, GONE: lambda ids: undone.goes(ids, [], "")}[after]
        await change([old["id"]])
        new = (await rows_of(store))["k:a"]
        assert new["state"] == (after if before in UNDO_FROM[after] else before)
        assert new["target_id"] == 1
        if before not in UNDO_FROM[after]:
            assert new == old


async def test_lists_may_not_show_yet_what_was_made_last(store):
    """Seconds from the newest row that has an object; nothing was made, nothing to wait for."""
    async with opened(store) as (journal, undone, _):
        assert await undone.settling(60) == 0
        await make(journal, [Row("k", "a"), Row("k", "b")])
        assert 50 < await undone.settling(60) <= 60
        await fetch(store, "UPDATE journal SET sent_at = sent_at - interval '20 s' WHERE key = 'a'")
        assert 50 < await undone.settling(60) <= 60
        await fetch(store, "UPDATE journal SET sent_at = sent_at - interval '20 s'")
        assert 30 < await undone.settling(60) <= 40
        assert await undone.settling(10) == 0


async def test_what_hangs_on_an_object_is_gone_with_it_and_what_waits_for_it_waits(store):
    """Only rows of the kinds that are named go along; a row that is still to be made waits for its parent again."""
    rows = [Row("run", "r"), *(Row(kind, "x", ("run:r",)) for kind in ("log", "note", "later"))]
    async with opened(store) as (journal, undone, _):
        await journal.plan(rows)
        for kind in ("run", "log", "note"):
            (row,) = await journal.claim(kind, "", 9)
            journal.hand_over(Transition(row.id, DONE, Made(5), "created"))
            await journal.flush()
        (run,) = [row["id"] for row in (await rows_of(store)).values() if row["kind"] == "run"]
        assert await undone.below([run], ["log", "later"]) == {run: {"log": 1}}
        await undone.undoes([run])
        await undone.goes([run], ["log"], "")
        table = await rows_of(store)
        assert [table[f"{row.kind}:{row.key}"]["state"] for row in rows] == [GONE, GONE, DONE, PENDING]
        assert table["later:x"]["waits"] == 1
        assert await undone.gone() == {"run": 1, "log": 1}


async def test_what_is_gone_is_planned_anew_as_if_it_had_never_been(store):
    """Id, steps, origin, and that it was sent again are of the object that is gone; a row that is not planned stays."""
    async with opened(store) as (journal, undone, _):
        await journal.plan([Row("k", "a"), Row("k", "b", ("k:a",))])
        (row,) = await journal.claim("k", "", 9)
        journal.hand_over(Transition(row.id, PENDING, resent=True))
        await journal.flush()
        await make(journal, [Row("k", "a"), Row("k", "b", ("k:a",))])
        ids = [row["id"] for row in (await rows_of(store)).values()]
        await undone.goes(ids, [], "")
        await journal.plan([Row("k", "a")])
        table = await rows_of(store)
        assert [table["k:a"]["state"], table["k:b"]["state"]] == [PENDING, GONE]
        kept = {name: table["k:a"][name] for name in ("target_id", "version_id", "step_ids", "origin", "first_sent_at")}
        assert kept == {"target_id": None, "version_id": None, "step_ids": [], "origin": None, "first_sent_at": None}
        assert not (table["k:a"]["resent"] or table["k:a"]["relist"])
        assert [row.key for row in await journal.claim("k", "", 9)] == ["a"]


@pytest.mark.parametrize("seed", range(4))
async def test_children_and_users_come_before_what_they_need(seed, store):
    """Whatever the pass in which each was made: none is in a later group than one that it stands below or uses."""
    chance = random.Random(seed)
    rows = [
        Row("k", str(number), tuple(f"k:{other}" for other in chance.sample(range(number), min(number, 2))))
        for number in range(40)
    ]
    async with opened(store) as (journal, undone, _):
        await journal.plan(rows[:20])
        await make(journal, rows)
        groups = await undone.order("k")
        keys = {row["id"]: row["key"] for row in (await rows_of(store)).values()}
        place = {keys[identifier]: number for number, ids in enumerate(groups) for identifier in ids}
        assert len(place) == 40
        assert all(place[row.key] < place[name[2:]] for row in rows for name in row.parents)


async def test_an_overtaken_engine_undoes_nothing(store):
    """Every change asks whether its epoch is current."""
    async with opened(store) as (journal, undone, late):
        await make(journal, [Row("k", "a")])
        old = await rows_of(store)
        await fetch(store, "UPDATE migration SET epoch = epoch + 1")
        ids = [row["id"] for row in old.values()]
        for change in (undone.undoes(ids), undone.stays(ids), undone.goes(ids, [], ""), late.listed_again(ids)):
            with pytest.raises(FenceError):
                await change
        assert await rows_of(store) == old


async def test_when_a_row_was_first_sent_is_kept_and_it_is_listed_again_once(store):
    """A second claim does not change it; what was listed again is so only where the store's reader asks for all."""
    async with opened(store) as (journal, _, late):
        await journal.plan([Row("k", "a"), Row("k", "b")])
        first, _ = await journal.claim("k", "", 9)
        assert await late.age(first.id) < 60
        await fetch(store, "UPDATE journal SET first_sent_at = now() - interval '1 hour', sent_at = first_sent_at")
        journal.hand_over(Transition(first.id, PENDING, resent=True))
        await journal.flush()
        await journal.claim("k", "", 9)
        assert await late.age(first.id) >= 3600
        assert 25 < await late.settled_in("k", 30.0, listed=False) <= 30
        assert await keys(late, listed=False) == ["a"]
        await late.listed_again([first.id])
        assert await late.settled_in("k", 30.0, listed=False) is None
        assert (await keys(late, listed=False), await keys(late, listed=True)) == ([], ["a"])


async def keys(late, *, listed):
    return [row.key async for rows in late.resent("k", "", listed=listed) for row in rows]
