"""What a run asks of its store again and again: the product's own methods, for a group of rows of a filled store."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from explaining import ExplainedDatabase
from filled import EPOCH, LOGS, OPEN_LOGS

from ztoq_async.lanes import extract, planning, verify
from ztoq_async.mapping.kind import Made
from ztoq_async.plan import Row
from ztoq_async.store.archive import Archive, Read, Reading
from ztoq_async.store.changes import Arrived, Changes, Left
from ztoq_async.store.journal import Journal
from ztoq_async.store.late import Late
from ztoq_async.store.overview import Overview, Seen
from ztoq_async.store.tenure import Tenure
from ztoq_async.store.transitions import DONE, DOUBT, PENDING, REFUSED, Transition
from ztoq_async.store.undone import Undone

FLUSHED = 128
"""Rows in the hands of workers: twice the usual `in_flight`."""
LOGS_ARE = "test-log", "test-execution"
SENT, OPEN, MADE = "state = 'sent'", "state = 'pending'", "state = 'done'"


class Side:
    """What an engine has of a store, the pass being the first."""

    def __init__(self, database: ExplainedDatabase) -> None:
        held: Any = Tenure(EPOCH, math.inf)
        store: Any = database
        self._bare = database.bare
        self.archive = Archive(store, held, 1)
        self.journal = Journal(store, held, 1)
        self.overview = Overview(store, 1)
        self.changes = Changes(store, self.journal, 1)
        self.late = Late(store, self.journal)
        self.undone = Undone(store, self.journal)

    async def ids(self, kind: str, condition: str, most: int) -> list[int]:
        """Rows from all over the table, in no order."""
        query = f"SELECT id FROM journal WHERE kind = $1 AND {condition} ORDER BY md5(id::text) LIMIT $2"
        return [row["id"] for row in await self._bare.fetch(query, kind, most)]


@dataclass(frozen=True)
class Asked:
    """`work` asks for so many rows; `group` is how many a run asks for at once; `indexes` are what it is told by."""

    name: str
    group: int
    work: Callable[[Side, int], Awaitable[Any]]
    indexes: tuple[str, ...] = ()


def cases(number: int) -> list[str]:
    return [f"MM-T{3 * place}" for place in range(100, 100 + number)]


def named(number: int) -> list[str]:
    return [f"test-case:{key}" for key in cases(number)]


def logs(start: int, number: int) -> list[Row]:
    """Rows each with two parents and one that it comes after."""
    rows = ((place, 100 + 7 * step) for step, place in enumerate(range(start, start + 2 * number, 2)))
    return [
        Row("test-log", str(place), (f"test-run:R{other}", f"test-case:MM-T{other}"), (f"test-log:{place - 1}",))
        for place, other in rows
    ]


def moved(state: str, kind: str, condition: str) -> Callable[[Side, int], Awaitable[None]]:
    """A flush of rows that have become this."""

    async def work(side: Side, number: int) -> None:
        for row in await side.ids(kind, condition, number):
            side.journal.hand_over(Transition(row, state, Made(row, 2, (1, 2)), "created", "words", 3.0))
        await side.journal.flush()

    return work


async def claims(side: Side, number: int) -> None:
    """As many as are wished; then again, as after an answer that was lost."""
    held = await side.journal.claim(*LOGS_ARE, number)
    side.journal._claiming = True
    await side.journal.claim(*LOGS_ARE, 2 * number, [row.id for row in held])


async def ready(side: Side, number: int) -> None:
    keys = [str(OPEN_LOGS + 5 * place) for place in range(1, number + 1)]
    await side.journal.ready("test-log", [(key, "" if place % 9 else "gone") for place, key in enumerate(keys)])


async def of_keys(side: Side, number: int) -> None:
    """Questions for the rows and records of some keys."""
    keys = cases(number)
    await side.journal.refs(named(number))
    await side.overview.by_keys("test-case", "test-case", keys)
    await side.overview.done("test-case", keys)
    await side.overview.is_made(keys[0], 1)
    await side.overview.family({"test-case": "test-case", "stub-case": "missing-case"}, named(number))
    await side.archive.known("test-case", keys)
    await side.archive.by_keys("test-case", keys)
    await side.changes.formers(named(number))


async def archives(side: Side, number: int) -> None:
    """A page of records, half of them known, and details."""
    places = [*range(LOGS, LOGS + number), *range(10 * LOGS, 10 * LOGS + number)]
    await side.archive.add_page(LOGS_ARE[1], [Read(str(place), b"x" * 400, "", "R1") for place in places], Reading())
    await side.archive.add_details(LOGS_ARE[1], [(str(place), b"steps", "") for place in places[:number]])
    await side.archive.keep("test-case", "MM-T5")


async def takes_over(side: Side, number: int) -> None:
    await side.overview.doubts(*LOGS_ARE)
    await side.journal.take_over(3.0)


async def marks(side: Side, number: int) -> None:
    rows = await side.ids("test-log", MADE, number)
    await side.overview.mark([Seen(row, ["name"], b"shown") for row in rows])
    await side.journal.refresh([(row, Made(row, 2, (1, 2))) for row in rows])


async def changes(side: Side, number: int) -> None:
    rows = await side.ids("test-case", MADE, number)
    await side.changes.begin(rows)
    await side.changes.arrived("test-case", [Arrived(row, Made(row, 2, (1,)), b"shown", []) for row in rows])
    await side.changes.left([Left(row, b"shown") for row in rows])
    await side.changes.look_again(rows)


async def makes_again(side: Side, number: int) -> None:
    await side.changes.make_again(await side.ids("test-log", MADE, number))


async def undoes(side: Side, number: int) -> None:
    rows = await side.ids("test-run", MADE, number)
    await side.undone.rows("test-run", "", rows)
    await side.undone.own(["test-run", "test-case"], [1_000_000 + place for place in range(1, number)])
    await side.undone.below(rows, ["test-log"])
    await side.undone.undoing(*LOGS_ARE, 1.0)
    await side.undone.undoes(rows)
    await side.undone.stays(rows)


async def goes(side: Side, number: int) -> None:
    await side.undone.goes(await side.ids("test-run", MADE, number), ["test-log"], LOGS_ARE[1])


async def settles(side: Side, number: int) -> None:
    """What was sent again."""
    for listed in (False, True):
        await side.late.settled_in("test-log", 1.0, listed=listed)
        await batch(side.late.resent(*LOGS_ARE, listed=listed))
    await side.late.listed_again(await side.ids("test-log", MADE, number))


async def batch(rows: AsyncIterator[Any]) -> None:
    """The first one."""
    await anext(rows, None)


HOT = (
    Asked("new rows", planning.GROUP, lambda side, n: side.journal.plan(logs(LOGS + 1, n), LOGS_ARE[1])),
    Asked("known rows", planning.GROUP, lambda side, n: side.journal.plan(logs(OPEN_LOGS - 500, n), LOGS_ARE[1])),
    Asked("claims", FLUSHED, claims, ("journal_ready", "journal_open", "archive_pkey")),
    Asked("made", FLUSHED, moved(DONE, "test-run", SENT), ("journal_pkey", "journal_edge_pkey", "journal_edge_child")),
    Asked("refused", FLUSHED, moved(REFUSED, "test-log", OPEN), ("journal_edge_child",)),
    Asked("in doubt", FLUSHED, moved(DOUBT, "test-run", SENT)),
    Asked("sent back", FLUSHED, moved(PENDING, "test-run", SENT), ("journal_edge_child",)),
    Asked("have details", extract.GROUP, ready, ("journal_kind_key_key",)),
    Asked("of keys", verify.BATCH, of_keys, ("journal_kind_key_key", "archive_pkey")),
    Asked("archived", extract.GROUP, archives, ("archive_pkey",)),
    Asked("take-over", FLUSHED, takes_over, ("journal_open",)),
    Asked("seen", verify.BATCH, marks, ("journal_pkey",)),
    Asked("differing", FLUSHED, lambda side, n: batch(side.changes.rows(*LOGS_ARE)), ("journal_differing",)),
    Asked("changed", FLUSHED, changes, ("journal_pkey", "archive_pkey")),
    Asked("made again", FLUSHED, makes_again, ("journal_kind_key_key", "journal_edge_child")),
    Asked("undone", FLUSHED, undoes, ("journal_pkey", "journal_target", "journal_edge_pkey", "journal_undoing")),
    Asked("sent again", FLUSHED, settles, ("journal_relist", "journal_resent")),
    Asked("records", FLUSHED, lambda side, n: batch(side.archive.records("test-execution")), ("archive_order",)),
    Asked("open", FLUSHED, lambda side, n: side.overview.open_rows("test-run"), ("journal_open",)),
    Asked("gone", FLUSHED, goes, ("journal_edge_pkey", "journal_pkey")),
    Asked("first rows", FLUSHED, lambda side, n: batch(side.overview.rows("module", "folder")), ("journal_pkey",)),
)
