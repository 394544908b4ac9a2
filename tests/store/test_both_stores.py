"""The store in memory, on which the simulation runs, does what PostgreSQL does: the same steps, the same tables."""

import contextlib
import random

import pytest
from memory_store import MemoryDatabase
from store_tables import drift_of, edges_of, orphans_of, overtake, rows_of

from ztoq_async.errors import FenceError
from ztoq_async.mapping.kind import Made
from ztoq_async.plan import Row
from ztoq_async.store import passes
from ztoq_async.store.archive import Archive, Read, Reading
from ztoq_async.store.journal import Journal
from ztoq_async.store.overview import Overview
from ztoq_async.store.tenure import tenure
from ztoq_async.store.transitions import DONE, DOUBT, PENDING, REFUSED, Transition

SIZE = 20
STEPS = 20
DIFFERENT = {"id", "sent_at", "first_sent_at", "due_at"}


class Side:
    """What an engine has of one store."""

    def __init__(self, store, held, number):
        self.store = store
        self.archive = Archive(store, held, number)
        self.journal = Journal(store, held, number)
        self.overview = Overview(store, number)


@contextlib.asynccontextmanager
async def side_of(store):
    """An engine of a new epoch has taken over, in the pass to work on."""
    async with tenure(store, "zephyr", "qtest", 0.0) as held:
        side = Side(store, held, await passes.open_pass(store, "all"))
        await side.archive.add_page("s", [Read(str(key), b"record") for key in range(SIZE)], Reading())
        await side.journal.take_over(9.0)
        yield side


async def tables_of(store):
    """Rows by key, edges and orphans; what depends on the clock or on the numbers of rows is left out."""
    rows = await rows_of(store)
    keys = {row["id"]: key for key, row in rows.items()}
    shown = {key: {name: row[name] for name in row.keys() - DIFFERENT} for key, row in rows.items()}
    for row in shown.values():
        row["reason"] = row["reason"].partition(" ")[0]  # any of several refused parents may be named
    edges = sorted((keys[parent], keys[child], hard) for parent, child, hard in await edges_of(store))
    return shown, edges, sorted(await orphans_of(store)), await drift_of(store)


def drawn_rows(chance):
    """Rows in an order in which what they wait for comes first."""
    rows = []
    for number in range(SIZE):
        before = [f"k:{other}" for other in range(number)]
        parents = chance.sample(before, min(number, chance.choice((0, 0, 1, 2))))
        after = [name for name in chance.sample(before, min(number, chance.choice((0, 1, 1)))) if name not in parents]
        rows.append(Row("k", str(number), tuple(parents), tuple(after), again=chance.random() < 0.1))
    return rows


def planning(chance, rows):
    """A stretch of the plan; some rows are refused this time, or wait for their details."""
    start = chance.randrange(SIZE)
    some = [
        Row(row.kind, row.key, row.parents, row.after, refusal=chance.choice(("", "", "", "no")), again=row.again)
        for row in rows[start : start + chance.randrange(1, SIZE)]
    ]
    source = chance.choice(("", "", "s"))

    async def work(side):
        return await side.journal.plan(some, source)

    return work


def claiming(chance, rows):
    most = chance.randrange(1, 6)

    async def work(side):
        found = await side.journal.claim("k", "s", most)
        return [(row.key, row.parents, row.attempt, row.record, row.detail) for row in found]

    return work


def outcomes(chance, rows):
    """Transitions of any rows, allowed or not."""
    words = [chance.choice((DONE, DONE, DOUBT, REFUSED, PENDING)) for _ in range(SIZE)]
    chosen = {key: (word, chance.random() < 0.5) for key, word in enumerate(words) if chance.random() < 0.3}

    async def work(side):
        table = await rows_of(side.store)
        for key, (word, resent) in chosen.items():
            if str(key) in table:
                made = Made(1000 + key, 7, (1, 2)) if word == DONE else Made(0)
                row = Transition(table[str(key)]["id"], word, made, "created", f"to {word}", 9.0, resent)
                side.journal.hand_over(row)
        try:
            return await side.journal.flush()
        except FenceError:
            return "overtaken"

    return work


def details(chance, rows):
    found = [(str(key), chance.choice(("", "", "gone"))) for key in range(SIZE) if chance.random() < 0.4]

    async def work(side):
        await side.archive.add_details("s", [(key, b"detail", fault) for key, fault in found])
        await side.journal.ready("k", found)

    return work


def questions(chance, rows):
    async def work(side):
        doubts = [(doubt.key, doubt.record, doubt.wait_s > 0) for doubt in await side.overview.doubts("k", "s")]
        refs = await side.journal.refs([f"k:{key}" for key in range(SIZE)])
        return doubts, refs, await side.overview.open_rows("k")

    return work


WORKS = (planning, planning, claiming, claiming, outcomes, outcomes, details, questions)


@pytest.mark.parametrize("seed", [*range(4), *(pytest.param(n, marks=pytest.mark.slow) for n in range(4, 100))])
async def test_the_same_steps_lead_to_the_same_tables(seed, in_postgresql):
    """Plans, second chances, claims, outcomes of every sort, details, taking over and being overtaken, in any order."""
    chance = random.Random(seed)
    rows, stores = drawn_rows(chance), (in_postgresql, MemoryDatabase())
    for _ in range(3):
        async with side_of(stores[0]) as one, side_of(stores[1]) as other:
            for step in range(STEPS):
                await both(chance.choice(WORKS)(chance, rows), one, other, f"step {step}")
            for store in stores:
                await overtake(store)
            await both(outcomes(chance, rows), one, other, "overtaken")


async def both(work, one, other, words):
    """Does the same on both sides: the answers and the tables must be the same."""
    assert await work(one) == await work(other), f"{words}: {work.__qualname__}"
    assert await tables_of(one.store) == await tables_of(other.store), f"{words}: {work.__qualname__}"
