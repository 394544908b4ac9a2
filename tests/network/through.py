"""Moves whose every byte goes through proxies: to Zephyr, to qTest and to the store."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg
from moving import Move
from proxy import HOST, Proxy, to_port, to_socket
from yarl import URL

from ztoq_async.sandbox import Generator, Profile, Sandbox

CASES, EXECUTIONS = 12, 20


class Through(Move):
    """A move that reaches both services through a proxy each, and the store through a third."""

    zephyr: Proxy
    qtest: Proxy
    store: Proxy

    def settings(self, **tables: Any) -> Any:
        zephyr, qtest = self.sandbox.zephyr, self.sandbox.qtest
        limits = {"zephyr_per_minute": 600_000, "qtest_per_minute": 600_000, "in_flight": 8, "attempt_timeout_s": 0.5}
        here = {
            "zephyr": {
                "base_url": f"http://{HOST}:{self.zephyr.port}/v2",
                "token": zephyr.token,
                "project": zephyr.project,
            },
            "qtest": {
                "base_url": f"http://{HOST}:{self.qtest.port}",
                "token": qtest.token,
                "project": qtest.project,
                "settle_s": self.settle_s,
            },
            "limits": limits,
        }
        return super().settings(**{**here, **tables})

    def fair(self) -> None:
        """All harm is over."""
        for proxy in (self.zephyr, self.qtest, self.store):
            proxy.plan = lambda _: None


@contextlib.asynccontextmanager
async def a_move_through(
    server_dsn: str,
    folder: Path,
    *,
    cases: int = CASES,
    executions: int = EXECUTIONS,
    seed: int = 1,
    settle_s: float = 0.3,
) -> AsyncIterator[Through]:
    """The sandbox, its proxies, a database of one's own behind one of them; the mapping was proposed in fair weather.

    `server_dsn` is that of a server on a unix socket.
    """
    name, path = await new_database(server_dsn), socket_of(server_dsn)
    source = Generator(cases, executions=executions, seed=seed)
    async with (
        Sandbox(source, profile=Profile(), seed=seed) as sandbox,
        Proxy(to_port(URL(sandbox.zephyr.base_url).port or 0)) as zephyr,
        Proxy(to_port(URL(sandbox.qtest.base_url).port or 0)) as qtest,
        Proxy(to_socket(path)) as store,
    ):
        move = Through(sandbox, f"postgresql://ztoq@{HOST}:{store.port}/{name}", settle_s)
        move.zephyr, move.qtest, move.store = zephyr, qtest, store
        await move.propose(folder)
        yield move


def socket_of(dsn: str) -> Path:
    """The socket that a DSN of the embedded server names."""
    query = parse_qs(urlsplit(dsn).query)
    return Path(query["host"][0]) / f".s.PGSQL.{query['port'][0]}"


async def new_database(dsn: str) -> str:
    """The name of a new empty database of the server."""
    connection = await asyncpg.connect(dsn)
    try:
        name = f"move_{await connection.fetchval('SELECT count(*) FROM pg_database')}"
        await connection.execute(f"CREATE DATABASE {name}")
    finally:
        await connection.close()
    return name
