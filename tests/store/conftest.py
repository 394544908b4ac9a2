"""One PostgreSQL for the tests of what stands on a store; each test has an empty one."""

import asyncio

import pytest
from memory_store import MemoryDatabase

from ztoq_async.resources.database import Database
from ztoq_async.store.embedded import EmbeddedPostgres
from ztoq_async.store.schema import upgrade


@pytest.fixture(scope="session")
def postgres(tmp_path_factory):
    """The server; it holds nothing of an event loop."""
    embedded = EmbeddedPostgres(tmp_path_factory.mktemp("shared") / "store")
    asyncio.run(embedded.__aenter__())
    yield embedded
    asyncio.run(embedded.__aexit__(None, None, None))


@pytest.fixture
async def in_postgresql(postgres):
    """A database with this program's schema and nothing in it."""
    async with Database(postgres.dsn) as opened:
        async with opened.session() as session:
            await session.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        await upgrade(opened)
        yield opened


@pytest.fixture
def store(in_postgresql):
    """An empty store."""
    return in_postgresql


@pytest.fixture(params=["postgresql", "memory"])
def either(request):
    """An empty store of each sort: the one in memory, which the simulation uses, is held to the same tests."""
    return MemoryDatabase() if request.param == "memory" else request.getfixturevalue("in_postgresql")
