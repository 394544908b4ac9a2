"""The journal on a real PostgreSQL and on the simulation's store: random graphs, random outcomes, what must hold."""

import asyncio
import contextlib
import random

import pytest
from store_tables import change_all, drift_of, edges_of, orphans_of, overtake, rows_of

from ztoq_async.errors import FenceError
from ztoq_async.mapping.kind import Made
from ztoq_async.plan import Row
from ztoq_async.store import passes
from ztoq_async.store.journal import Journal
from ztoq_async.store.overview import Overview
from ztoq_async.store.tenure import tenure
from ztoq_async.store.transitions import DONE, DOUBT, FROM, PENDING, REFUSED, SENT, Transition

STATES = (PENDING, SENT, DOUBT, DONE, REFUSED)


@pytest.fixture
def store(either):
    """Whatever the journal promises holds on both stores."""
    return either


@contextlib.asynccontextmanager
async def opened(store):
    """The journal of a new epoch."""
    async with tenure(store, "zephyr", "qtest", 0.0) as held:
        yield Journal(store, held, await passes.open_pass(store, "all"))


def graph(chance, size):
    """Rows in an order in which parents come first."""
    rows = []
    for number in range(size):
        before = [f"k:{other}" for other in range(number)]
        parents = chance.sample(before, min(len(before), chance.randrange(3)))
        rest = [name for name in before if name not in parents]
        after = chance.sample(rest, min(len(rest), chance.randrange(2)))
        rows.append(Row("k", str(number), tuple(parents), tuple(after), refusal="no" if chance.random() < 0.05 else ""))
    return rows


def descendants(rows, refused):
    found = set(refused)
    for row in rows:
        if any(name.partition(":")[2] in found for name in row.parents):
            found.add(row.key)
    return found


def check_claimed(claimed, rows, state, claims):
    """A row leaves only when every parent is done and every predecessor settled, and while nobody else has it."""
    by_key = {row.key: row for row in rows}
    for row in claimed:
        own = by_key[row.key]
        assert state.get(row.key, PENDING) == PENDING, "claimed twice"
        assert all(state.get(name[2:]) == DONE for name in own.parents)
        assert all(state.get(name[2:]) in (DONE, REFUSED) for name in own.after)
        assert row.parents == own.parents
        claims[row.key] = claims.get(row.key, 0) + 1
        assert row.attempt == claims[row.key]
        state[row.key] = SENT


@pytest.mark.parametrize("seed", [*range(6), *(pytest.param(n, marks=pytest.mark.slow) for n in range(6, 60))])
async def test_any_graph_is_worked_off_in_order_and_each_row_once(seed, store):
    """Claims wait for commits; refusals reach the descendants and nobody else; `waits` never drifts."""
    chance = random.Random(seed)
    rows = graph(chance, 40)
    state, claims, refused = {}, {}, {row.key for row in rows if row.refusal}
    state |= dict.fromkeys(descendants(rows, refused), REFUSED)
    async with opened(store) as journal:
        for start in range(0, len(rows), 11):
            await journal.plan(rows[start : start + 11])
        for _ in range(500):
            claimed = await journal.claim("k", "", chance.randrange(1, 6))
            check_claimed(claimed, rows, state, claims)
            open_rows = [key for key, word in state.items() if word in (SENT, DOUBT)]
            if not open_rows and not claimed:
                break
            table = await rows_of(store)
            for key in chance.sample(open_rows, chance.randrange(1, len(open_rows) + 1)):
                after = chance.choice([DONE, DONE, DONE, REFUSED, PENDING, *([DOUBT] if state[key] == SENT else [])])
                journal.hand_over(
                    Transition(table[key]["id"], after, Made(1000 + int(key), 7, (1, 2)), "created", "no")
                )
                state[key] = after
                refused |= {key} if after == REFUSED else set()
            await journal.flush()
            state |= dict.fromkeys(descendants(rows, refused), REFUSED)
            assert await drift_of(store) == 0
        table = await rows_of(store)
        assert {key: row["state"] for key, row in table.items()} == state
        assert set(state.values()) <= {DONE, REFUSED}
        assert {key for key, word in state.items() if word == REFUSED} == descendants(rows, refused)
        for key in set(state) - descendants(rows, refused):
            assert (table[key]["target_id"], table[key]["step_ids"], table[key]["origin"]) == (
                1000 + int(key),
                [1, 2],
                "created",
            )


async def test_a_child_waits_for_the_commit_of_its_parent(store):
    """A child goes with the commit by which its parent is done, and not before (rule 2)."""
    async with opened(store) as journal:
        await journal.plan([Row("k", "a"), Row("k", "b", ("k:a",))])
        (parent,) = await journal.claim("k", "", 9)
        assert await journal.claim("k", "", 9, [parent.id]) == []
        journal.hand_over(Transition(parent.id, DONE, Made(1)))
        assert [row.key for row in await journal.claim("k", "", 9)] == ["b"]
        assert (await rows_of(store))["a"]["state"] == DONE
        assert await journal.flush() == 0


async def test_no_more_rows_are_sent_than_may_be(store):
    """Rows in work, and those whose transitions are not committed yet, count (rule 2)."""
    async with opened(store) as journal:
        await journal.plan([Row("k", str(number)) for number in range(9)])
        rows = await journal.claim("k", "", 4)
        journal.hand_over(Transition(rows[0].id, DONE, Made(1)))
        working = [row.id for row in rows[1:]]
        assert [row.key for row in await journal.claim("k", "", 3, working)] == []
        (another,) = await journal.claim("k", "", 4, working)
        assert another.key == "4"
        working.append(another.id)
        assert [row.key for row in await journal.claim("k", "", 4, working)] == []
        assert [row.key for row in await journal.claim("k", "", 5, working)] == ["5"]


async def test_a_row_that_is_to_be_sent_again_waits_for_what_got_another_chance_meanwhile(store):
    """It was claimed when its predecessor was refused; when it comes back, that one is to be made first."""
    rows = [Row("k", "a"), Row("k", "b", after=("k:a",))]
    async with opened(store) as journal:
        await journal.plan([Row("k", "a", refusal="no"), rows[1]])
        (claimed,) = await journal.claim("k", "", 1)
        journal.hand_over(Transition(claimed.id, DOUBT))
        await journal.flush()
        await journal.plan(rows)
        journal.hand_over(Transition(claimed.id, PENDING, resent=True))
        await journal.flush()
        assert await drift_of(store) == 0
        assert [row.key for row in await journal.claim("k", "", 9)] == ["a"]


@pytest.mark.parametrize("state", [SENT, DOUBT])
async def test_nobody_slips_past_one_with_another_chance_behind_a_row_that_has_left(store, state):
    """What comes after a row that is sent or in doubt comes after what belongs before that row, too."""
    rows = [Row("k", "a"), Row("k", "b", after=("k:a",)), Row("k", "c", after=("k:b",))]
    async with opened(store) as journal:
        await journal.plan([Row("k", "a", refusal="no"), *rows[1:]])
        (left,) = await journal.claim("k", "", 1)
        if state == DOUBT:
            journal.hand_over(Transition(left.id, DOUBT))
            await journal.flush()
        await journal.plan(rows)
        journal.hand_over(Transition(left.id, DONE, Made(1)))
        await journal.flush()
        assert [row.key for row in await journal.claim("k", "", 9)] == ["a"]


@pytest.mark.parametrize("between", [1, 3])
async def test_nobody_slips_past_one_with_another_chance_that_was_planned_groups_before(store, between):
    """Siblings of a tree may be far from each other: what is done passes on what belongs before it until they come."""
    first = [Row("k", "a"), Row("k", "b", after=("k:a",)), Row("k", "x")]
    others = [[Row("k", f"y{number}"), Row("k", f"z{number}", after=(f"k:y{number}",))] for number in range(between)]
    last = [Row("k", "c", after=("k:b",))]
    async with opened(store) as journal:
        for rows in ([Row("k", "a", refusal="no"), *first[1:]], *others, [Row("k", "c", refusal="no")]):
            await journal.plan(rows)
        while claimed := await journal.claim("k", "", 9):
            for row in claimed:
                journal.hand_over(Transition(row.id, DONE, Made(row.id)))
            await journal.flush()
        for rows in (first, *others, last):
            await journal.plan(rows)
        assert [row.key for row in await journal.claim("k", "", 9)] == ["a"]


@pytest.mark.parametrize("before", STATES)
@pytest.mark.parametrize("after", [state for state in STATES if state != SENT])
async def test_only_the_ways_of_the_table_are_gone(before, after, store):
    """A transition that the table does not have changes nothing at all."""
    async with opened(store) as journal:
        await journal.plan([Row("k", "a")])
        await change_all(store, state=before, reason="old", target_id=5)
        old = (await rows_of(store))["a"]
        journal.hand_over(Transition(old["id"], after, Made(9), "created", "new"))
        await journal.flush()
        new = (await rows_of(store))["a"]
        if before in FROM[after]:
            assert (new["state"], new["reason"], new["target_id"]) == (after, "new", 9 if after == DONE else 5)
        else:
            assert dict(new) == dict(old)


async def test_planning_again_changes_nothing(store):
    """The same rows in the same pass: the same table, the same edges."""
    rows = graph(random.Random(3), 30)
    async with opened(store) as journal:
        await journal.plan(rows)
        first, edges = await rows_of(store), await edges_of(store)
        await journal.plan(rows)
        assert {key: dict(row) for key, row in (await rows_of(store)).items()} == {k: dict(r) for k, r in first.items()}
        assert await edges_of(store) == edges
        assert await drift_of(store) == 0


async def test_a_new_plan_gives_refused_rows_another_chance_and_leaves_done_ones(store):
    """What was refused, alone or with its parent, is pending again; what is done keeps what it made."""
    async with opened(store) as journal:
        await journal.plan([Row("k", "a"), Row("k", "b", refusal="blank"), Row("k", "c", ("k:b",))])
        (claimed,) = await journal.claim("k", "", 9)
        journal.hand_over(Transition(claimed.id, DONE, Made(77, 3, (4,)), "created"))
        await journal.flush()
        table = await rows_of(store)
        assert (table["c"]["state"], table["c"]["reason"]) == (REFUSED, "parent: k b was refused")
        await journal.plan([Row("k", "a", refusal="late"), Row("k", "b"), Row("k", "c", ("k:b",))])
        table = await rows_of(store)
        assert [table[key]["state"] for key in "abc"] == [DONE, PENDING, PENDING]
        assert (table["a"]["target_id"], table["a"]["version_id"], table["a"]["step_ids"]) == (77, 3, [4])
        assert (table["b"]["reason"], table["c"]["reason"]) == ("", "")
        assert [row.key for row in await journal.claim("k", "", 9)] == ["b"]


async def test_a_row_that_moved_to_another_parent_forgets_the_first(store):
    """A refused former parent neither refuses nor holds up the row that has left it."""
    async with opened(store) as journal:
        await journal.plan([Row("k", "old", refusal="blank"), Row("k", "new"), Row("k", "row", ("k:old",), ("k:new",))])
        await journal.plan([Row("k", "old", refusal="blank"), Row("k", "new"), Row("k", "row", ("k:new",))])
        (parent,) = await journal.claim("k", "", 9)
        assert (parent.key, (await rows_of(store))["row"]["state"]) == ("new", PENDING)
        journal.hand_over(Transition(parent.id, REFUSED, reason="no"))
        await journal.flush()
        assert (await rows_of(store))["row"]["reason"] == "parent: k new was refused"


async def test_what_was_refused_after_a_request_without_an_answer_is_looked_for_when_it_gets_another_chance(store):
    """It may have been made, whatever a look has shown: it is in doubt, due at once, and is not simply sent."""
    async with opened(store) as journal:
        await journal.plan([Row("k", "sent"), Row("k", "never")])
        for row in await journal.claim("k", "", 9):
            journal.hand_over(Transition(row.id, REFUSED, reason="no rule", resent=row.key == "sent"))
        await journal.flush()
        await journal.plan([Row("k", "sent"), Row("k", "never")])
        assert [row.key for row in await journal.claim("k", "", 9)] == ["never"]
        (doubt,) = await Overview(store, 1).doubts("k", "")
        assert (doubt.key, doubt.wait_s <= 0) == ("sent", True)


async def test_a_second_epoch_fences_the_first(store):
    """The overtaken engine can neither plan, claim nor finish; what it made is kept among the orphans (rule 8)."""
    async with opened(store) as journal:
        await journal.plan([Row("k", "a"), Row("k", "b")])
        claimed = await journal.claim("k", "", 1)
        await overtake(store)
        with pytest.raises(FenceError):
            await journal.claim("k", "", 1, [claimed[0].id])
        with pytest.raises(FenceError):
            await journal.plan([Row("k", "c")])
        journal.hand_over(Transition(claimed[0].id, DONE, Made(55), "created"))
        with pytest.raises(FenceError):
            await journal.flush()
        table = await rows_of(store)
        assert {key: row["state"] for key, row in table.items()} == {"a": SENT, "b": PENDING}
        assert await orphans_of(store) == [("a", 55)]


async def test_orphans_that_could_not_be_kept_at_once_are_kept_by_the_next_flush(store, monkeypatch):
    """A flush that ends before it has noted what an overtaken engine made forgets nothing of it."""
    async with opened(store) as journal:
        await journal.plan([Row("k", "a")])
        (claimed,) = await journal.claim("k", "", 1)
        await overtake(store)
        journal.hand_over(Transition(claimed.id, DONE, Made(55), "created"))
        with monkeypatch.context() as patched:
            patched.setattr(journal, "_note_orphans", lambda _: asyncio.Event().wait())
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await journal.flush()
        with pytest.raises(FenceError):
            await journal.flush()
        assert await orphans_of(store) == [("a", 55)]


async def test_a_successor_doubts_what_its_predecessors_sent_and_nothing_else(store):
    """`sent` of older epochs is in doubt, due after settling; its own and all other states stay."""
    async with opened(store) as journal:
        await journal.plan([Row("k", str(number)) for number in range(5)])
        rows = await journal.claim("k", "", 4)
        for row, state in zip(rows[1:], (DONE, REFUSED, DOUBT), strict=True):
            journal.hand_over(Transition(row.id, state, Made(1), "created", due_s=0.0))
        await journal.flush()
    async with opened(store) as journal:
        (own,) = await journal.claim("k", "", 1)
        await journal.take_over(30.0)
        table = await rows_of(store)
        assert [table[str(number)]["state"] for number in range(5)] == [DOUBT, DONE, REFUSED, DOUBT, SENT]
        assert own.key == "4"
        doubts = {doubt.key: doubt.wait_s for doubt in await Overview(store, 1).doubts("k", "")}
        assert 25 < doubts["0"] <= 30
        assert doubts["3"] <= 0


async def test_what_is_remembered_of_parents_may_be_pushed_out_while_others_ask(store, monkeypatch):
    """Many ask at once for more done rows than are remembered: each gets all that it asked for."""
    monkeypatch.setattr("ztoq_async.store.journal.REFS_KEPT", 4)
    async with opened(store) as journal:
        await journal.plan([Row("k", str(number)) for number in range(60)])
        for row in await journal.claim("k", "", 60):
            journal.hand_over(Transition(row.id, DONE, Made(int(row.key) + 1), "created"))
        await journal.flush()
        remembered = [f"k:{number}" for number in range(4)]
        await journal.refs(remembered)
        groups = [[*remembered, f"k:{number}"] for number in range(4, 60)]
        found = await asyncio.gather(*(journal.refs(group) for group in groups))
    assert [list(refs) for refs in found] == groups


async def test_only_done_rows_have_something_for_their_children(store):
    """`refs` names what is committed as done, with version and steps."""
    async with opened(store) as journal:
        await journal.plan([Row("k", "a:b"), Row("k", "c")])
        row = (await journal.claim("k", "", 1))[0]
        assert await journal.refs(["k:a:b", "k:c"]) == {}
        journal.hand_over(Transition(row.id, DONE, Made(5, 6, (7, 8)), "created"))
        await journal.flush()
        assert await journal.refs(["k:a:b", "k:c", "k:none"]) == {"k:a:b": Made(5, 6, (7, 8))}


@pytest.mark.parametrize("seed", range(3))
async def test_flushes_cancelled_at_any_moment_lose_nothing(seed, store):
    """A transition is either committed or gathered still."""
    chance = random.Random(seed)
    async with opened(store) as journal:
        await journal.plan([Row("k", str(number)) for number in range(60)])
        rows = await journal.claim("k", "", 60)
        for row in rows:
            journal.hand_over(Transition(row.id, DONE, Made(row.id), "created"))
            flushing = asyncio.create_task(journal.flush())
            await asyncio.sleep(chance.choice([0, 0, 0.001, 0.003]))
            flushing.cancel()
            await asyncio.wait([flushing])
        await journal.flush()
        assert {row["state"] for row in (await rows_of(store)).values()} == {DONE}
        assert not journal.has_gathered
