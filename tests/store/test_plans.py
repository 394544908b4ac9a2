"""The plans of a run's statements at 100,000 rows and records: PostgreSQL looks rows up, and reads no table whole.

The statements are those that the product's methods carry out, explained in a transaction that is rolled back.
"""

from __future__ import annotations

import asyncio

import pytest
from explaining import explained
from filled import fill
from hot import HOT, LOGS_ARE, Asked, Side, batch

from ztoq_async.store import archive, overview

FEW = 8
MOST = 1200
"""Pages for a statement that is about FEW rows. The smallest table has more, so none of them can be read whole."""
TABLES = {"journal", "journal_edge", "archive"}


@pytest.fixture(scope="module")
def filled(postgres):
    """The DSN of a store in the middle of a run; every test leaves it as it was."""
    asyncio.run(fill(postgres.dsn))
    return postgres.dsn


async def plans_of(dsn, asked, number, *, analyse, dropped=""):
    """The plans of what is asked for so many rows."""
    async with explained(dsn, analyse=analyse) as database:
        if dropped:
            await database.bare.execute(dropped)
        await asked.work(Side(database), number)
    assert database.plans
    return database.plans


def check(asked, plans):
    """Nothing is read whole, few pages are touched, and the indexes that are meant for it are used."""
    for plan in plans:
        assert not plan.read_whole & TABLES, f"reads a table whole: {plan}"
        assert plan.buffers <= MOST, f"touches more than {MOST} pages: {plan}"
    unused = set(asked.indexes) - {index for plan in plans for index in plan.indexes}
    assert not unused, "\n".join(map(str, plans))


def few(monkeypatch):
    """Batches are as small as groups."""
    monkeypatch.setattr(overview, "BATCH", FEW)
    monkeypatch.setattr(archive, "BATCH", FEW)


async def test_the_bound_tells_a_table_that_is_read_whole(filled):
    """Each of the tables has more pages than a statement may touch."""
    async with explained(filled) as database:
        query = "SELECT relname, relpages, reltuples FROM pg_class WHERE relname = ANY($1)"
        found = {row["relname"]: row for row in await database.bare.fetch(query, list(TABLES))}
    assert found.keys() == TABLES
    assert all(row["relpages"] > MOST for row in found.values())
    assert all(found[name]["reltuples"] == 100_000 for name in ("journal", "archive"))


@pytest.mark.parametrize("asked", HOT, ids=lambda asked: asked.name)
async def test_few_rows_touch_few_pages(filled, asked, monkeypatch):
    """For a small group, by count of pages, and by name of the index."""
    few(monkeypatch)
    check(asked, await plans_of(filled, asked, FEW, analyse=True))


@pytest.mark.parametrize("asked", HOT, ids=lambda asked: asked.name)
async def test_a_usual_group_is_looked_up(filled, asked):
    """For as many rows as a run asks for at once PostgreSQL still reads no table whole."""
    check(asked, await plans_of(filled, asked, asked.group, analyse=False))


DROPPED = {
    "archive_pkey": ("of keys", "archive"),
    "archive_order": ("records", ""),
    "journal_differing": ("differing", ""),
    "journal_edge_child": ("made", ""),
    "journal_edge_pkey": ("made", "journal_edge"),
    "journal_kind_key_key": ("of keys", "journal"),
    "journal_open": ("take-over", ""),
    "journal_pkey": ("seen", "journal"),
    "journal_ready": ("claims", ""),
    "journal_relist": ("sent again", ""),
    "journal_resent": ("sent again", ""),
    "journal_target": ("undone", ""),
    "journal_undoing": ("undone", ""),
}
"""What asks by each index, and the table whose constraint it is."""


@pytest.mark.parametrize("index", DROPPED)
async def test_a_lost_index_is_noticed(filled, index, monkeypatch):
    """The tests above fail where an index is not there."""
    few(monkeypatch)
    name, table = DROPPED[index]
    asked = next(one for one in HOT if one.name == name)
    drop = f"ALTER TABLE {table} DROP CONSTRAINT {index} CASCADE" if table else f"DROP INDEX {index}"
    plans = await plans_of(filled, asked, FEW, analyse=True, dropped=drop)
    with pytest.raises(AssertionError):
        check(asked, plans)


WHOLE = {
    "whether a pass has rows of a kind is found by reading until there is one": Asked(
        "has rows", FEW, lambda side, n: side.overview.has_rows("test-log")
    ),
    "the first batch of a kind passes over the rows of kinds that were planned before": Asked(
        "rows", FEW, lambda side, n: batch(side.overview.rows(*LOGS_ARE))
    ),
    "records without details are found by passing over those that have them": Asked(
        "lacking", FEW, lambda side, n: batch(side.archive.records(LOGS_ARE[1], without_detail=True))
    ),
}


@pytest.mark.parametrize("why", WHOLE)
@pytest.mark.xfail(strict=True, raises=AssertionError, reason="known: this grows with the size of the store")
async def test_what_still_reads_whole_tables(filled, why, monkeypatch):
    """These are to be held to the same bound; where one of them keeps it, it belongs into HOT."""
    few(monkeypatch)
    check(WHOLE[why], await plans_of(filled, WHOLE[why], FEW, analyse=True))
