"""What a database does again when the server goes away in the middle: done once, whatever was heard of it."""

from collections import Counter

import asyncpg
import pytest
from proxy import HOST, Harm, Proxy, at_calls, to_socket
from through import new_database, socket_of

from ztoq_async.errors import StoreLost
from ztoq_async.resources import again
from ztoq_async.resources.database import Database
from ztoq_async.store.ledger import Ledger, LedgerRow
from ztoq_async.store.schema import upgrade

SUICIDE = "SELECT pg_terminate_backend(pg_backend_pid())"


@pytest.fixture
async def line(postgres):
    """A proxy to the server, and an open database with this program's schema that goes through it."""
    name = await new_database(postgres.dsn)
    async with (
        Proxy(to_socket(socket_of(postgres.dsn))) as proxy,
        Database(f"postgresql://ztoq@{HOST}:{proxy.port}/{name}", command_timeout=0.3) as database,
    ):
        await upgrade(database)
        yield proxy, database


def failing(times, statement):
    """Work that meets the statement so many times before it comes to its end; and how often it was begun."""
    begun = []

    async def work(session):
        begun.append(1)
        await session.execute("INSERT INTO orphan VALUES ('kind', 'key', 1, 1)")
        if len(begun) <= times:
            await session.execute(statement)
        return len(begun)

    return work, begun


@pytest.mark.parametrize("statement", [SUICIDE, "SELECT pg_sleep(60)"], ids=["connection lost", "no answer in time"])
async def test_work_is_done_again_where_the_server_goes_away(statement, line):
    """A lost connection, or a statement without an answer: the work is begun anew, and what it did counts once."""
    _, database = line
    work, _ = failing(2, statement)
    assert await database.again(work) == 3
    assert await database.fetchval("SELECT count(*) FROM orphan") == 1


@pytest.mark.parametrize("statement", [SUICIDE, "SELECT pg_sleep(60)"], ids=["connection lost", "no answer in time"])
async def test_work_is_not_done_again_for_ever(statement, line):
    """After so many attempts StoreLost says so, and nothing was kept."""
    _, database = line
    work, begun = failing(100, statement)
    with pytest.raises(StoreLost, match=HOST):
        await database.again(work)
    assert len(begun) == again.TRIES
    assert await database.fetchval("SELECT count(*) FROM orphan") == 0


async def test_work_whose_statement_is_refused_is_not_done_again(line):
    """What the server has said of a statement comes out at once."""
    _, database = line
    work, begun = failing(100, "SELECT 1 / 0")
    with pytest.raises(asyncpg.DivisionByZeroError):
        await database.again(work)
    assert begun == [1]


async def test_a_commit_without_an_answer_keeps_no_row_of_the_ledger_twice(line):
    """The server has committed and the connection is reset before it says so: rows and counts are written once."""
    proxy, database = line
    ledger = Ledger(database)
    rows = [LedgerRow("k", str(number), "a", "refused", "words") for number in range(6)]
    await ledger.clear()
    for start in (0, 3):
        proxy.plan = at_calls(b"COMMIT", Harm("reset"))
        await ledger.add(rows[start : start + 3])
    proxy.plan = at_calls(b"COMMIT", Harm("reset"))
    await ledger.close(Counter({("k", "a", "refused"): 6}))
    assert proxy.harmed["reset"] == 3
    assert [row async for row in ledger.all_rows()] == rows
    assert await ledger.counts() == Counter({("k", "a", "refused"): 6})


async def test_a_commit_without_an_answer_was_committed(line):
    """What the tests above stand on: outside `again` such a session raises, and its work is there."""
    proxy, database = line
    proxy.plan = at_calls(b"COMMIT", Harm("reset"))
    with pytest.raises(StoreLost, match="COMMIT got no answer"):
        async with database.session() as session:
            await session.execute("INSERT INTO orphan VALUES ('kind', 'key', 1, 1)")
    assert await database.fetchval("SELECT count(*) FROM orphan") == 1
