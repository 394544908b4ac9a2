"""What a working engine uses, in the store: `status` of another process reads it there."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from typing import Any

import msgspec

from ztoq_async.resources.database import Database
from ztoq_async.resources.monitor import ResourceMonitor

KEEP_S = 5.0
WRITE_S = 5.0

_log = logging.getLogger(__name__)


@contextlib.asynccontextmanager
async def kept(monitor: ResourceMonitor, database: Database, number: int) -> AsyncIterator[None]:
    """While entered, the newest sample is in the store, one row a pass; a row that cannot be written ends nothing."""
    keeping = asyncio.create_task(_keep(monitor, database, number), name="resource samples")
    try:
        yield
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        await _write(monitor, database, number, ended=True)


async def last_sample(database: Database, number: int) -> dict[str, Any] | None:
    """The newest sample of a pass with its age in seconds, None if there is none.

    `ended` says that it is the last one of an engine that has stopped; `peaks` are since that engine was opened.
    """
    query = "SELECT sample, ended, extract(epoch FROM now() - taken_at)::float8 AS age FROM resource_sample "
    row = await database.fetchrow(query + "WHERE pass = $1", number)
    if row is None:
        return None
    return {"age_s": round(max(0.0, row["age"]), 1), "ended": row["ended"], **msgspec.json.decode(row["sample"])}


async def _keep(monitor: ResourceMonitor, database: Database, number: int) -> None:
    while True:
        await _write(monitor, database, number, ended=False)
        await asyncio.sleep(KEEP_S)


async def _write(monitor: ResourceMonitor, database: Database, number: int, *, ended: bool) -> None:
    query = (
        "INSERT INTO resource_sample (pass, ended, sample) VALUES ($1, $2, $3) "
        "ON CONFLICT (pass) DO UPDATE SET taken_at = now(), ended = excluded.ended, sample = excluded.sample"
    )
    try:
        async with asyncio.timeout(WRITE_S), database.session() as session:
            await session.execute(query, number, ended, _content(monitor))
    except Exception:  # noqa: BLE001 - who looks from outside sees an old sample, the run goes on
        _log.info("the sample of the monitor was not stored", exc_info=True)


def _content(monitor: ResourceMonitor) -> bytes:
    sample = monitor.newest
    return msgspec.json.encode(
        {
            "seconds": round(sample.at, 1),
            "newest": sample.figures(),
            "connections": sample.connections,
            "peaks": monitor.peaks,
            "warnings": monitor.warnings(),
        }
    )
