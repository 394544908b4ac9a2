"""A PostgreSQL of one's own for the moves of this folder, and deadlines that no test waits long for."""

import asyncio

import pytest

from ztoq_async.resources import connection, transaction, tries
from ztoq_async.resources.breaker import CircuitBreaker
from ztoq_async.resources.database import Database
from ztoq_async.resources.gateway import Gateway
from ztoq_async.store.embedded import EmbeddedPostgres


@pytest.fixture(scope="session")
def postgres(tmp_path_factory):
    """The server; it holds nothing of an event loop."""
    embedded = EmbeddedPostgres(tmp_path_factory.mktemp("network") / "store")
    asyncio.run(embedded.__aenter__())
    yield embedded
    asyncio.run(embedded.__aexit__(None, None, None))


@pytest.fixture(autouse=True)
def in_haste(monkeypatch):
    """Time-outs and pauses that are constants of the program, shortened."""
    monkeypatch.setitem(Gateway.__init__.__kwdefaults__, "unsafe_timeout", 0.5)
    monkeypatch.setitem(CircuitBreaker.__init__.__kwdefaults__, "open_for", 0.1)
    monkeypatch.setitem(Database.__init__.__kwdefaults__, "command_timeout", 1.0)
    for module in (connection, transaction):
        monkeypatch.setattr(module, "RELEASE_S", 0.3)
    monkeypatch.setattr(tries, "FIRST_BACKOFF", 0.02)
    monkeypatch.setattr(tries, "LONGEST_BACKOFF", 0.5)
