"""Looks into a store, and changes behind its back: the same questions to PostgreSQL and to the store in memory."""

from __future__ import annotations

from memory_statements import waits_of
from memory_store import MemoryDatabase

DRIFT = """
SELECT count(*) FROM journal c WHERE c.state = 'pending' AND c.waits <> (
    SELECT count(*) FROM journal_edge e JOIN journal p ON p.id = e.parent
    WHERE e.child = c.id AND NOT (p.state = 'done' OR (p.state = 'refused' AND NOT e.hard)))
"""


async def rows_of(store):
    """The rows of the journal by their keys."""
    if isinstance(store, MemoryDatabase):
        return {row["key"]: row for row in store.store.tables["journal"].values()}
    async with store.session() as session:
        return {row["key"]: dict(row) for row in await session.fetch("SELECT * FROM journal")}


async def edges_of(store):
    """All edges as parent, child and whether they are hard."""
    if isinstance(store, MemoryDatabase):
        table = store.store.tables["edges"]
        return sorted((parent, child, hard) for child, above in table.items() for parent, hard in above.items())
    async with store.session() as session:
        return sorted(tuple(row) for row in await session.fetch("SELECT parent, child, hard FROM journal_edge"))


async def orphans_of(store):
    """Key and target of each orphan."""
    if isinstance(store, MemoryDatabase):
        return [(row["key"], row["target_id"]) for row in store.store.tables["orphan"]]
    async with store.session() as session:
        return [tuple(row) for row in await session.fetch("SELECT key, target_id FROM orphan")]


async def drift_of(store):
    """How many pending rows do not wait for as many others as they should."""
    if isinstance(store, MemoryDatabase):
        tables = store.store.tables
        rows = [row for row in tables["journal"].values() if row["state"] == "pending"]
        return sum(row["waits"] != waits_of(tables, row["id"]) for row in rows)
    async with store.session() as session:
        return await session.fetchval(DRIFT)


async def change_all(store, **columns):
    """Sets columns of all rows of the journal."""
    if isinstance(store, MemoryDatabase):
        table = store.store.tables["journal"]
        table.update({identifier: {**row, **columns} for identifier, row in table.items()})
        return
    async with store.session() as session:
        words = ", ".join(f"{name} = ${number}" for number, name in enumerate(columns, start=1))
        await session.execute(f"UPDATE journal SET {words}", *columns.values())


async def overtake(store):
    """Another engine has taken the store, and left it."""
    if isinstance(store, MemoryDatabase):
        row = store.store.tables["migration"]
        row.update(epoch=row["epoch"] + 1, holder="")
        return
    async with store.session() as session:
        await session.execute("UPDATE migration SET epoch = epoch + 1, holder = ''")
