"""The nursery of engines, the user's own PostgreSQL, and the sandbox of the small library."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from engines import Nursery
from own_postgres import OwnPostgres, find_programs
from small_library import write_library

pytest.register_assert_rewrite("moves")
MISSING = "NO POSTGRESQL OF YOUR OWN IS TESTED: install one, or set ZTOQ_TEST_PG_BIN to the folder of its programs"


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    """Forks an engine for each command."""
    nursery = Nursery()
    yield nursery
    nursery.close()


@pytest.fixture(scope="session")
def own_postgres() -> Iterator[OwnPostgres]:
    """One server for all tests that need one."""
    programs = find_programs()
    if programs is None:
        pytest.skip(MISSING)
    server = OwnPostgres(programs)
    try:
        server.create()
        yield server
    finally:
        server.remove()


@pytest.fixture
def own_if_any(request: pytest.FixtureRequest) -> OwnPostgres | None:
    """The same for tests that take turns between it and the embedded store, None where there is none."""
    if find_programs() is None:
        return None
    server: OwnPostgres = request.getfixturevalue("own_postgres")
    return server


@pytest.fixture
async def own_store(own_postgres: OwnPostgres) -> AsyncIterator[str]:
    """The URL of an empty database on it."""
    async with own_postgres.database() as url:
        yield url


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small library as a corpus."""
    return write_library(tmp_path_factory.mktemp("library"))
