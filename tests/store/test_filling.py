"""A store that is being filled has no statistics yet: PostgreSQL still looks rows up, and reads no table for a row."""

import asyncio

from ztoq_async.mapping.kind import Made
from ztoq_async.plan import Row
from ztoq_async.resources.database import Database
from ztoq_async.store import passes
from ztoq_async.store.journal import Journal
from ztoq_async.store.statistics import ANALYSE_S, analyse
from ztoq_async.store.tenure import tenure
from ztoq_async.store.transitions import DONE, Transition

SMALL_GROUPS, GROUPS, GROUP = 10, 10, 200
STATEMENTS = 150
"""At most, in all: each may read the table once."""
NEVER_ANALYSED = """
ALTER TABLE journal SET (autovacuum_enabled = off); ALTER TABLE journal_edge SET (autovacuum_enabled = off)
"""
READ_WHOLE = "SELECT relname, seq_tup_read FROM pg_stat_user_tables WHERE relname IN ('journal', 'journal_edge')"


async def test_filling_reads_each_table_a_few_times_at_most(postgres, in_postgresql):
    """Rows with two parents each are planned and made: a small table may be read for a group, none for each row.

    What PostgreSQL decides for a statement that it has been asked some times holds until a table is analysed.
    """
    await in_postgresql.execute(NEVER_ANALYSED)
    async with Database(postgres.dsn) as database, tenure(database, "zephyr", "qtest", 0.0) as held:
        journal = Journal(database, held, await passes.open_pass(database, "all"))
        for number in range(SMALL_GROUPS):
            await journal.plan([Row("field", str(number))])
        await journal.plan([Row("module", str(number)) for number in range(GROUP)])
        for group in range(GROUPS):
            await journal.plan([_case(group, number) for number in range(GROUP)])
        for kind in ("field", "module", "test-case"):
            while rows := await journal.claim(kind, "", GROUP):
                for row in rows:
                    journal.hand_over(Transition(row.id, DONE, Made(row.id), "created"))
    read = {row["relname"]: row["seq_tup_read"] for row in await in_postgresql.fetch(READ_WHOLE)}
    assert read.keys() == {"journal", "journal_edge"}
    assert max(read.values()) <= STATEMENTS * (GROUPS + 1) * GROUP, read  # for each row it was 2,600,000


async def test_statistics_wait_for_nobody(postgres, in_postgresql):
    """While somebody else vacuums a table they are left out: a run is only slower without."""
    async with Database(postgres.dsn) as database, database.dedicated() as other:
        await other.execute("BEGIN; LOCK TABLE journal IN SHARE UPDATE EXCLUSIVE MODE")
        async with asyncio.timeout(ANALYSE_S / 3):
            await analyse(database, "journal, journal_edge")


def _case(group: int, number: int) -> Row:
    before = (f"test-case:{group - 1}.{number}",) if group else ()
    return Row("test-case", f"{group}.{number}", (f"module:{number}", *before))
