"""A second pair of eyes on a PostgreSQL server, for tests of what others see."""

import asyncio
import contextlib


class Onlooker:
    """A connection of its own, to see what others see."""

    def __init__(self, connection):
        self.connection = connection

    async def notes(self):
        """What was committed."""
        return [row["id"] for row in await self.connection.fetch("SELECT id FROM note ORDER BY id")]

    async def others(self):
        """The state of every other client connection."""
        return [
            row["state"]
            for row in await self.connection.fetch(
                "SELECT state FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            )
        ]

    async def calm(self):
        """Waits until no other connection works or is in a transaction."""
        async with asyncio.timeout(5):
            while set(await self.others()) - {"idle"}:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        return True


async def insert(session, number):
    """One row."""
    await session.execute("INSERT INTO note VALUES ($1)", number)


@contextlib.asynccontextmanager
async def entered(scope):
    """A time limit of either library, by `async with`."""
    if hasattr(scope, "__aenter__"):
        async with scope:
            yield
    else:
        with scope:
            yield
