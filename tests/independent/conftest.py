"""One PostgreSQL for all migrations of this folder; each gets a database of its own."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterator

import asyncpg
import pytest

from ztoq_async.store.embedded import EmbeddedPostgres

pytest.register_assert_rewrite("moving_twice", "two_processes")
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """The server; it holds nothing of an event loop."""
    server = EmbeddedPostgres(tmp_path_factory.mktemp("independent") / "store")
    asyncio.run(server.__aenter__())
    yield server
    asyncio.run(server.__aexit__(None, None, None))


@pytest.fixture
def empty_store(shared_server: EmbeddedPostgres) -> Callable[[], Awaitable[str]]:
    """Makes an empty database and gives its URL."""

    async def make() -> str:
        name = f"migration_{next(_numbers)}"
        connection = await asyncpg.connect(shared_server.dsn)
        try:
            await connection.execute(f"CREATE DATABASE {name}")
        finally:
            await connection.close()
        return shared_server.dsn.replace("/postgres?", f"/{name}?")

    return make
