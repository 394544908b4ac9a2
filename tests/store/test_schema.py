"""Schema changes: in order, once, safe at once, and honest about what does not fit."""

import asyncio

import asyncpg
import pytest

from ztoq_async.errors import StoreError
from ztoq_async.resources.database import Database
from ztoq_async.store.embedded import EmbeddedPostgres
from ztoq_async.store.schema import upgrade


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """One server for this module's tests; it holds nothing of an event loop."""
    embedded = EmbeddedPostgres(tmp_path_factory.mktemp("schema") / "store")
    asyncio.run(embedded.__aenter__())
    yield embedded
    asyncio.run(embedded.__aexit__(None, None, None))


@pytest.fixture
async def database(server):
    """An empty database."""
    async with Database(server.dsn) as opened:
        async with opened.session() as session:
            await session.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        yield opened


@pytest.fixture
def folder(tmp_path):
    """Two changes; the second needs the first."""
    (tmp_path / "001_cases.sql").write_text("CREATE TABLE cases (n int); CREATE INDEX ON cases (n);")
    (tmp_path / "002_more.sql").write_text("ALTER TABLE cases ADD COLUMN name text;")
    return tmp_path


async def value(database, query):
    async with database.session() as session:
        return await session.fetchval(query)


async def test_changes_are_applied_in_order_and_recorded(database, folder):
    """A new store gets every change, and schema_version names them."""
    assert await upgrade(database, folder) == 2
    assert await value(database, "SELECT array_agg(name ORDER BY number) FROM schema_version") == ["cases", "more"]
    assert await value(database, "SELECT count(name) FROM cases") == 0


async def test_an_upgraded_store_is_left_as_it_is(database, folder):
    """The second time nothing is applied."""
    await upgrade(database, folder)
    first = await value(database, "SELECT max(applied_at) FROM schema_version")
    assert await upgrade(database, folder) == 2
    assert await value(database, "SELECT max(applied_at) FROM schema_version") == first


async def test_an_older_store_is_upgraded_in_place(database, folder):
    """A new file is applied to a store that has rows."""
    await upgrade(database, folder)
    await value(database, "INSERT INTO cases VALUES (1, 'a')")
    (folder / "003_flag.sql").write_text("ALTER TABLE cases ADD COLUMN flag bool NOT NULL DEFAULT true")
    assert await upgrade(database, folder) == 3
    assert await value(database, "SELECT flag FROM cases") is True


async def test_a_failing_change_leaves_the_ones_before_it(database, folder):
    """Each change is all or nothing, and the upgrade goes on from there."""
    broken = folder / "003_broken.sql"
    broken.write_text("CREATE TABLE half (n int); SELECT 1/0;")
    with pytest.raises(asyncpg.DivisionByZeroError):
        await upgrade(database, folder)
    assert await value(database, "SELECT max(number) FROM schema_version") == 2
    assert await value(database, "SELECT to_regclass('half')") is None
    broken.write_text("CREATE TABLE half (n int)")
    assert await upgrade(database, folder) == 3


async def test_a_changed_file_is_refused(database, folder):
    """StoreError names the file whose content is not what was applied."""
    await upgrade(database, folder)
    (folder / "001_cases.sql").write_text("CREATE TABLE cases (n bigint)")
    with pytest.raises(StoreError, match=r"001_cases\.sql"):
        await upgrade(database, folder)


async def test_a_newer_store_is_refused(database, folder):
    """StoreError says that a newer program wrote the store, also to a program that knows no change at all."""
    await upgrade(database, folder)
    (folder / "002_more.sql").unlink()
    with pytest.raises(StoreError, match="schema 2, this program knows 1"):
        await upgrade(database, folder)
    (folder / "001_cases.sql").unlink()
    with pytest.raises(StoreError, match="schema 2, this program knows 0"):
        await upgrade(database, folder)


async def test_a_gap_in_the_numbers_is_refused(database, folder):
    """StoreError names the file that does not follow."""
    (folder / "004_late.sql").write_text("SELECT 1")
    with pytest.raises(StoreError, match=r"004_late\.sql.*003"):
        await upgrade(database, folder)


async def test_upgrades_at_once_apply_each_change_once(database, server, folder):
    """Eight upgrades race; each ends well and each change is there once."""
    (folder / "003_once.sql").write_text("SELECT pg_sleep(0.05); INSERT INTO cases VALUES (1);")
    async with Database(server.dsn) as other:
        numbers = await asyncio.gather(*(upgrade(db, folder) for db in (database, other) * 4))
    assert numbers == [3] * 8
    assert await value(database, "SELECT count(*) FROM cases") == 1
