"""One PostgreSQL for all migrations of this folder; each gets a database of its own."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

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
async def empty_store(shared_server: EmbeddedPostgres) -> AsyncIterator[Callable[[], Awaitable[str]]]:
    """Makes an empty database and gives its URL; they are dropped after the test."""
    names: list[str] = []

    async def make() -> str:
        names.append(f"migration_{next(_numbers)}")
        await _at(shared_server, f"CREATE DATABASE {names[-1]}")
        return shared_server.dsn.replace("/postgres?", f"/{names[-1]}?")

    yield make
    for name in names:
        await _at(shared_server, f"DROP DATABASE {name} WITH (FORCE)")


async def _at(server: EmbeddedPostgres, statement: str) -> None:
    connection = await asyncpg.connect(server.dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
