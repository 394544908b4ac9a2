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
    embedded = EmbeddedPostgres(tmp_path_factory.mktemp("lanes") / "store")
    asyncio.run(embedded.__aenter__())
    yield embedded
    asyncio.run(embedded.__aexit__(None, None, None))


@pytest.fixture
def new_store(postgres):
    """Makes an empty database and gives its URL."""

    async def make():
        name = f"move_{next(_numbers)}"
        await _create(postgres.dsn, name)
        return postgres.dsn.replace("/postgres?", f"/{name}?")

    return make


@pytest.fixture
async def store_url(new_store):
    """The URL of an empty database."""
    return await new_store()


async def _create(dsn, name):
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(f"CREATE DATABASE {name}")
    finally:
        await connection.close()
