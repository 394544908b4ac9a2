"""One PostgreSQL for the tests of database sessions, and a look at it from outside; no waiting between tries."""

import pytest
from postgres import running, watching

from ztoq_async.resources import tries
from ztoq_async.resources.connector import ConnectionPool


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """The server."""
    with running(tmp_path_factory.mktemp("resources")) as server:
        yield server


@pytest.fixture
async def watch(server):
    """The look from outside."""
    async with watching(server) as watch:
        yield watch


@pytest.fixture
def quick(monkeypatch):
    """Backoff in milliseconds."""
    monkeypatch.setattr(tries, "FIRST_BACKOFF", 0.002)


@pytest.fixture
async def pool():
    """Open, without bounds that a test would meet."""
    async with ConnectionPool() as pool:
        yield pool
