"""One PostgreSQL for all moves of this folder; each test has a database of its own."""

import asyncio
import itertools

import asyncpg
import pytest

from ztoq_async.store.embedded import EmbeddedPostgres

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory):
    """The server; it holds nothing of an event loop."""
    embedded = EmbeddedPostgres(tmp_path_factory.mktemp("changes") / "store")
    asyncio.run(embedded.__aenter__())
    yield embedded
    asyncio.run(embedded.__aexit__(None, None, None))


@pytest.fixture
async def new_store(postgres):
    """Makes an empty database and gives its URL; they are dropped after the test."""
    names = []

    async def make():
        names.append(f"change_{next(_numbers)}")
        await _at(postgres.dsn, f"CREATE DATABASE {names[-1]}")
        return postgres.dsn.replace("/postgres?", f"/{names[-1]}?")

    yield make
    for name in names:
        await _at(postgres.dsn, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def store_url(new_store):
    """The URL of an empty database."""
    return await new_store()


async def _at(dsn, statement):
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
