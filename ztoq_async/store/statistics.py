"""PostgreSQL's statistics of tables that are being filled."""

from __future__ import annotations

import asyncio
import contextlib

from ztoq_async.errors import StoreError
from ztoq_async.resources.database import Database

ANALYSE_S = 30.0


async def analyse(database: Database, tables: str) -> None:
    """How PostgreSQL has decided to read a table while it was empty holds until the table is analysed.

    No row changes, so this needs no epoch. It may take long, on a server that others use: then it is left, since a run
    is only slower without.
    """
    with contextlib.suppress(TimeoutError, StoreError):
        async with asyncio.timeout(ANALYSE_S):
            await database.execute(f"ANALYZE (SKIP_LOCKED) {tables}")
